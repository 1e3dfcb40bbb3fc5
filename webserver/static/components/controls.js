/** Pause, stop, continue, export: where the eye is; what destroys asks. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import * as api from "../api.js";
import * as format from "../format.js";
import { isLive } from "../states.js";
import { openContinueDialog } from "./continue_dialog.js";
import { openDialog } from "./dialog.js";
import { icons } from "./icons.js";

/** @param {any} view @param {import("../app.js").Page} page @param {{small?: boolean}} [look] */
export function controls(view, page, { small = false } = {}) {
  const size = small ? "small" : "";
  return isLive(view) ? liveControls(view, page, size) : endedControls(view, page, size, small);
}

/** @param {any} view @param {import("../app.js").Page} page @param {string} size */
function liveControls(view, { steering }, size) {
  const paused = view.state === "paused";
  const closing = view.state === "stopping" || steering.busy(view.id, "stop");
  return html` <button
      class="button ${size}"
      data-testid="pause"
      aria-label="${paused ? "Resume" : "Pause"} ${view.topic}"
      ?disabled=${closing || view.state === "starting" || steering.busy(view.id, "pause")}
      @click=${() => (paused ? steering.unpause(view.id) : steering.pause(view.id))}
    >
      ${paused ? icons.play() : icons.pause()}<span class="pause-label">${paused ? "Resume" : "Pause"}</span>
    </button>
    <button
      class="button ${size}"
      data-testid="stop"
      aria-label="Stop ${view.topic}…"
      aria-haspopup="dialog"
      ?disabled=${steering.busy(view.id, "stop")}
      @click=${() => askToStop(view, steering)}
    >
      ${icons.stop()}<span>Stop…</span>
    </button>`;
}

/** @param {any} view @param {import("../app.js").Page} page @param {string} size @param {boolean} small */
function endedControls(view, page, size, small) {
  const busy = page.steering.busy(view.id, "continue");
  return html` <button
      class="button ${size} ${small ? "" : "primary"}"
      data-testid="continue"
      aria-label="Continue ${view.topic}"
      ?disabled=${busy}
      @click=${() => page.steering.continueTopic(view.id)}
    >
      ${icons.play()}<span>Continue</span>
    </button>
    ${
      small
        ? nothing
        : html`<button
            class="button"
            data-testid="continue-changed"
            aria-haspopup="dialog"
            ?disabled=${busy || !page.service}
            @click=${() => openContinueDialog(view, page)}
          >
            Continue with changes…
          </button>`
    }`;
}

/** @param {any} view @param {import("../steering.js").Steering} steering */
async function askToStop(view, steering) {
  const open = view.open_orders ?? 0;
  const answer = await openDialog(
    "Stop this topic?",
    (close) =>
      html` <p>
          <strong><bdi>${view.topic}</bdi></strong> keeps everything found so far and can be continued later.
        </p>
        <div class="choices">
          ${
            view.state === "stopping"
              ? nothing
              : html`<button class="choice" data-testid="stop-finish" autofocus @click=${() => close("finish")}>
                  <strong>Finish open responses</strong>
                  <span
                    >No new requests. ${open === 1 ? "One response that is" : `${open} responses that are`} being read
                    ${open === 1 ? "is" : "are"} taken in first.</span
                  >
                </button>`
          }
          <button class="choice danger" data-testid="stop-now" @click=${() => close("now")}>
            <strong>Stop now</strong>
            <span>Open responses are cancelled. What they had delivered is kept, the rest was paid for nothing.</span>
          </button>
        </div>
        <footer><button class="button" data-testid="stop-cancel" @click=${() => close()}>Cancel</button></footer>`,
  );
  if (answer) await steering.stop(view.id, answer === "now");
}

/** @param {any} view @param {any} service as of the API, null until it is loaded */
export function exportMenu(view, service) {
  /** @type {{name: string, available: boolean, hint: string}[]} */
  const formats = service?.export_formats ?? [];
  return html`<details class="menu">
    <summary class="button" data-testid="export">${icons.download()}<span>Export</span>${icons.down()}</summary>
    <ul class="menu-list">
      ${formats.map(
        (form) =>
          html`<li>
            ${
              form.available
                ? html`<a
                    class="menu-item"
                    data-testid="export-${form.name}"
                    download
                    href=${api.exportAddress(view.id, form.name)}
                  >
                    <strong>${form.name}</strong><span>${FORMATS[form.name] ?? ""}</span></a
                  >`
                : html`<span class="menu-item unavailable" data-testid="export-${form.name}"
                    ><strong>${form.name}</strong><span>${form.hint}</span></span
                  >`
            }
          </li>`,
      )}
      ${
        view.invalid
          ? html`<li>
              <a class="menu-item" data-testid="export-valid" download href=${api.exportAddress(view.id, "txt", true)}>
                <strong>valid</strong><span>txt, without the ${format.count(view.invalid)} judged not to belong</span></a
              >
            </li>`
          : ""
      }
    </ul>
  </details>`;
}

/** @type {Record<string, string>} */
const FORMATS = {
  txt: "one item a line",
  jsonl: "one JSON object a line, with counts and provenance",
  csv: "for spreadsheets",
  parquet: "for data frames",
};

// A menu closes when one looks elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    const inside = event.target instanceof Node && menu.contains(event.target);
    const chosen = event.target instanceof Element && event.target.closest(".menu-list a");
    if (!inside || chosen) menu.removeAttribute("open");
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.removeAttribute("open");
  menu.querySelector("summary")?.focus();
});
