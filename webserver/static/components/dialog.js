/** Modal questions on the browser's own <dialog>: focus stays inside, Escape closes, focus returns. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { icons } from "./icons.js";

let dialogs = 0;

/**
 * @param {string} title
 * @param {(close: (answer?: unknown) => void, again: () => void) => unknown} content `again` renders it anew
 * @param {{wide?: boolean}} [look]
 * @returns {Promise<any>} the answer; undefined when it was closed without one
 */
export function openDialog(title, content, { wide = false } = {}) {
  const dialog = document.createElement("dialog");
  const titleId = `dialog-title-${(dialogs += 1)}`;
  dialog.className = wide ? "dialog wide" : "dialog";
  dialog.setAttribute("aria-labelledby", titleId);
  return new Promise((resolve) => {
    /** @type {unknown} */
    let answer;
    const close = (/** @type {unknown} */ given = undefined) => {
      answer = given;
      dialog.close();
    };
    const draw = () =>
      render(
        html`<div class="dialog-frame">
          <header>
            <h2 id=${titleId}>${title}</h2>
            <button class="button ghost icon-only" aria-label="Close" @click=${() => close()}>${icons.cross()}</button>
          </header>
          ${content(close, draw)}
        </div>`,
        dialog,
      );
    draw();
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.addEventListener("mousedown", (event) => {
      if (event.target === dialog) close();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
