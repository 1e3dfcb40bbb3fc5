/** One item in full: what the lists have to cut. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { copy, visible } from "../text.js";
import { openDialog } from "./dialog.js";
import { icons } from "./icons.js";

/** @param {any} item as of the items API or a FoundItem (which has no count) */
export function openItemDialog(item) {
  return openDialog(
    `Item ${format.count(item.id)}`,
    (close) =>
      html` <p class="item-full"><bdi>${visible(item.text)}</bdi></p>
        ${item.description ? html`<p class="item-full quiet"><bdi>${visible(item.description)}</bdi></p>` : nothing}
        <dl class="settings">
          <div>
            <dt>First named by</dt>
            <dd><bdi>${item.provider}</bdi></dd>
          </div>
          <div>
            <dt>Found</dt>
            <dd>${format.dateTime(item.first_at)} (${format.ago(item.first_at)})</dd>
          </div>
          ${
            item.count === undefined
              ? nothing
              : html`<div>
                  <dt>Named</dt>
                  <dd>${format.plural(item.count, "time")}</dd>
                </div>`
          }
        </dl>
        <footer>
          <button class="button" @click=${() => copy(item.text)}>${icons.copy()}<span>Copy</span></button>
          <button class="button primary" @click=${() => close()}>Close</button>
        </footer>`,
  );
}
