/** Continue a topic with other settings than those it had. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import * as api from "../api.js";
import { openDialog } from "./dialog.js";
import { icons } from "./icons.js";
import { optionField, readOptions } from "./option_field.js";

const FIRST = ["producers", "provider", "max_cost_usd", "max_attributes", "max_time_s", "request_size"];
/** They name the folder, which is this topic's. */
const LEFT_OUT = ["topic", "output"];

/** @param {any} view @param {import("../app.js").Page} page */
export function openContinueDialog(view, { service }) {
  /** @type {import("./option_field.js").Option[]} */
  const options = service.options.filter((/** @type {any} */ option) => !LEFT_OUT.includes(option.name));
  // What the topic had is the default here: only what is changed is sent.
  const shown = options.map((option) => ({ ...option, default: view.settings?.[option.name] ?? option.default }));
  const first = shown.filter((option) => FIRST.includes(option.name));
  const rest = shown.filter((option) => !FIRST.includes(option.name));
  const field = (/** @type {import("./option_field.js").Option} */ option) => optionField(option, { form: "continue" });
  const state = { busy: false, error: "" };
  return openDialog(
    "Continue with changes",
    (close, again) => {
      const submit = async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        if (state.busy) return;
        state.busy = true;
        again();
        try {
          await api.continueTopic(view.id, readOptions(/** @type {HTMLFormElement} */ (event.target), shown));
          close();
        } catch (error) {
          if (!(error instanceof api.ApiError)) throw error;
          state.busy = false;
          state.error = error.message;
          again();
        }
      };
      return html`<form @submit=${submit}>
        <p>
          What is left empty stays as it was for <strong><bdi>${view.topic}</bdi></strong
          >.
        </p>
        <div class="option-grid">${first.map(field)}</div>
        <details class="all-options">
          <summary>${icons.down()}<span>All options</span></summary>
          <div class="option-grid">${rest.map(field)}</div>
        </details>
        <p class="form-error" role="alert" ?hidden=${!state.error}>
          ${state.error ? icons.error() : nothing}<span>${state.error}</span>
        </p>
        <footer>
          <button type="button" class="button" @click=${() => close()}>Cancel</button>
          <button class="button primary" ?disabled=${state.busy}>Continue</button>
        </footer>
      </form>`;
    },
    { wide: true },
  );
}
