/** The parts of a topic, those with most left first, in the service's order: what each brought, and how far it is used up. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import * as format from "../format.js";
import { visible } from "../text.js";
import { meter } from "./meter.js";

/** Beyond these, the rest is shown on demand. */
const SHOWN = 30;
/** @type {Record<string, string>} */
const STATES = { new: "Not asked yet", open: "Open", split: "Split", closed: "Closed" };

class PartsTable extends HTMLElement {
  /** @type {any} a DiscoveryView */
  #discovery = null;
  #all = false;

  /** @param {any} discovery a DiscoveryView, or null */
  set discovery(discovery) {
    if (discovery === this.#discovery && this.hasChildNodes()) return;
    this.#discovery = discovery;
    if (this.isConnected) this.#render();
  }

  connectedCallback() {
    this.#render();
  }

  #render() {
    /** @type {any[]} */
    const parts = this.#discovery?.parts ?? [];
    const shown = this.#all ? parts : parts.slice(0, SHOWN);
    const folded = parts.length - shown.length;
    const beyond = this.#discovery?.parts_left_out ?? 0;
    render(
      html`<div class="panel-head">
          <h2>Parts of the topic</h2>
          <span class="note">${count(parts)}</span>
        </div>
        ${
          parts.length
            ? html`<div class="table-scroll parts-scroll" tabindex="0" role="region" aria-label="Parts, table">
                <table class="table parts" role="table">
                  <thead role="rowgroup">
                    <tr role="row">
                      ${column("Part")}${column("Responses", "number wide-only")}${column("Items", "number wide-only")}${column("New", "number")}
                      ${column("New lately", "number", "New items of a response, lately")}${column("Known before, at least")}${column("Also in other parts", "wide-only")}
                    </tr>
                  </thead>
                  <tbody role="rowgroup">
                    ${repeat(shown, key, row)}
                  </tbody>
                </table>
                ${
                  folded || this.#all
                    ? html`<p class="parts-more">
                        <button class="button small" @click=${() => this.#toggle()}>
                          ${this.#all ? `Show the first ${SHOWN} only` : `Show ${format.count(folded)} more`}
                        </button>
                      </p>`
                    : ""
                }
                ${beyond ? html`<p class="note parts-more">${format.plural(beyond, "part")} with less left are not listed.</p>` : ""}
              </div>`
            : html`<p class="empty">A large topic is asked about in parts. There are none yet.</p>`
        }`,
      this,
    );
  }

  #toggle() {
    this.#all = !this.#all;
    this.#render();
  }
}

/** @param {string} name @param {string} [look] @param {string} [title] */
const column = (name, look = "", title = "") =>
  html`<th scope="col" role="columnheader" class=${look} title=${title}>${name}</th>`;

/** @param {any} part */
const key = ({ kind, within, name }) => JSON.stringify([kind, within, name]);

/** @param {any[]} parts */
function count(parts) {
  const left = parts.filter(({ state }) => state !== "closed").length;
  return parts.length ? `${format.count(left)} of ${format.count(parts.length)} not used up` : "";
}

/** @param {any} part */
function row(part) {
  const within = part.within ? html` in <bdi>${visible(part.within)}</bdi>` : "";
  const state = part.reason ? `${STATES[part.state] ?? part.state}: ${visible(part.reason)}` : STATES[part.state];
  return html`<tr role="row" data-state=${part.state}>
    <th scope="row" role="rowheader" class="part-name">
      ${name(part)}<span class="condition">${state ?? visible(part.state)}${within}</span>
    </th>
    <td role="cell" class="number wide-only">${format.count(part.responses)}</td>
    <td role="cell" class="number wide-only">${format.count(part.items)}</td>
    <td role="cell" class="number">${format.count(part.new)}</td>
    <td role="cell" class="number">${format.rate(part.lately)}</td>
    <td role="cell">${share(part.coverage, "good")}</td>
    <td role="cell" class="wide-only">${share(part.overlap, "accent")}</td>
  </tr>`;
}

/** @param {any} part */
function name(part) {
  if (part.kind === "rest") return "Everything else";
  const text = html`<bdi>${visible(part.name)}</bdi>`;
  if (part.kind === "letter") return html`Names with ${text}…`;
  return part.kind === "language" ? html`In ${text}` : text;
}

/** @param {number | null} value @param {string} tone */
const share = (value, tone) =>
  html`<span class="part-share"
    ><span>${format.percent(value)}</span>${value == null ? "" : meter(value, tone)}</span
  >`;

customElements.define("parts-table", PartsTable);
