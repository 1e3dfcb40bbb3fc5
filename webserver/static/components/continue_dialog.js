/** Continue a topic with other settings than those it had. */

import { html } from "../vendor/lit-html/lit-html.js";
import { openDialog } from "./dialog.js";
import { optionField, readOptions } from "./option_field.js";

const FIRST = ["producers", "provider", "max_cost_usd", "max_attributes", "max_time_s", "request_size"];

/** @param {any} view @param {import("../app.js").Page} page */
export async function openContinueDialog(view, { service, steering }) {
  /** @type {import("./option_field.js").Option[]} */
  const options = service.options.filter((/** @type {any} */ option) => option.name !== "topic");
  // What the topic had is the default here: only what is changed is sent.
  const shown = options.map((option) => ({ ...option, default: view.settings?.[option.name] ?? option.default }));
  const first = shown.filter((option) => FIRST.includes(option.name));
  const rest = shown.filter((option) => !FIRST.includes(option.name));
  const field = (/** @type {import("./option_field.js").Option} */ option) => optionField(option, { form: "continue" });
  const changes = await openDialog("Continue with changes", (close) => html`
    <form @submit=${(/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      close(readOptions(/** @type {HTMLFormElement} */ (event.target), shown));
    }}>
      <p>What is left empty stays as it was for <strong><bdi>${view.topic}</bdi></strong>.</p>
      <div class="option-grid">${first.map(field)}</div>
      <details class="all-options"><summary>All options</summary><div class="option-grid">${rest.map(field)}</div></details>
      <footer><button type="button" class="button" @click=${() => close()}>Cancel</button>
        <button class="button primary">Continue</button></footer>
    </form>`, { wide: true });
  if (changes) await steering.continueTopic(view.id, changes);
}
