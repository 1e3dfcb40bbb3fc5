/** All items of a topic: searched, sorted, scrolled through, a million as smoothly as ten. */

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { ItemPages } from "../item_pages.js";
import { copy } from "../text.js";
import { icons } from "./icons.js";
import { openItemDialog } from "./item_dialog.js";
import { fillItemRow, fillItemTime, makeItemRow } from "./item_row.js";
import { VirtualRows } from "./virtual_rows.js";

const SEARCH_DELAY_MS = 150;
const FOLLOW_MS = 1_000;
const CLOCK_MS = 10_000;
const HEAD_PX = 36;
/** Two lines on a narrow page. */
const narrow = matchMedia("(max-width: 720px)");
const rowHeight = () => (narrow.matches ? 58 : 38);

const COLUMNS = /** @type {const} */ ([
  ["count", "Named"],
  ["provider", "Provider"],
  ["time", "Found"],
]);

class ItemList extends HTMLElement {
  #id = "";
  #unique = 0;
  /** @type {import("../item_pages.js").ItemQuery} */
  #query = { search: "", sort: "time", order: "desc" };
  /** @type {ItemPages | null} */
  #pages = null;
  /** The same list as it is now, until it has its first rows and takes the other's place. @type {ItemPages | null} */
  #coming = null;
  /** Items of the topic when the list was asked for. */
  #uniqueThen = 0;
  /** @type {VirtualRows | null} */
  #rows = null;
  #active = -1;
  /** Id of the row that is told to be the active one; empty for none. */
  #told = "";
  #searchTimer = 0;
  #followTimer = 0;
  #clock = 0;
  #copied = "";

  /** @param {{id: string, unique: number}} topic */
  set topic({ id, unique }) {
    const other = id !== this.#id;
    const anew = unique < this.#unique;
    this.#id = id;
    this.#unique = unique;
    if (!this.isConnected || !this.#rows) return;
    if (other || anew) this.#begin(true);
    else if (unique > this.#uniqueThen) this.#follow();
  }

  connectedCallback() {
    this.#frame();
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (this.querySelector(selector));
    this.#rows = new VirtualRows({
      scroller: find(".item-grid"),
      space: find(".item-space"),
      body: find(".item-body"),
      headHeight: HEAD_PX,
      rowHeight: rowHeight(),
      make: makeItemRow,
      fill: (element, index) =>
        fillItemRow(element, index, this.#pages?.row(index), `item-row-${index}`, index === this.#active),
      shown: (first, last) => {
        this.#pages?.want(first, last);
        this.#tellActive();
      },
    });
    narrow.addEventListener("change", this.#refit);
    this.#clock = setInterval(this.#tellTimes, CLOCK_MS);
    this.#resized.observe(find(".item-grid"));
    if (this.#id) this.#begin(true);
  }

  disconnectedCallback() {
    narrow.removeEventListener("change", this.#refit);
    clearInterval(this.#clock);
    clearTimeout(this.#searchTimer);
    clearTimeout(this.#followTimer);
    this.#resized.disconnect();
    this.#pages?.close();
    this.#coming?.close();
  }

  #resized = new ResizeObserver(() => this.#rows?.render());

  #refit = () => {
    if (!this.#rows) return;
    this.#rows.rowHeight = rowHeight();
    this.#rows.resize(this.#rows.total, true);
  };

  /** Ask for the list; what is shown stays until the answer is there. @param {boolean} toStart whether it is another list */
  #begin(toStart) {
    clearTimeout(this.#followTimer);
    this.#followTimer = 0;
    this.#coming?.close();
    const pages = new ItemPages(this.#id, this.#query);
    this.#coming = pages;
    this.#uniqueThen = this.#unique;
    pages.addEventListener("change", () => {
      if (pages === this.#coming) this.#replace(pages, toStart);
      else if (pages === this.#pages) this.#refresh();
    });
    pages.want(0, 0);
    this.#frame();
  }

  /** @param {ItemPages} pages @param {boolean} toStart */
  #replace(pages, toStart) {
    this.#coming = null;
    this.#pages?.close();
    this.#pages = pages;
    if (toStart) this.#active = -1;
    this.#rows?.resize(pages.total ?? 0, toStart);
    this.#frame();
  }

  #refresh() {
    this.#rows?.render(true);
    this.#frame();
  }

  /** New items came: at the list's top it follows them, elsewhere it says so and stays. */
  #follow() {
    if (this.#followTimer || this.#coming) return;
    const following = (this.#rows?.top ?? 0) < rowHeight() && this.#active < 1;
    if (!following) {
      this.#frame();
      return;
    }
    this.#followTimer = setTimeout(() => {
      this.#followTimer = 0;
      if (!document.hidden && (this.#rows?.top ?? 0) < rowHeight()) this.#begin(false);
    }, FOLLOW_MS);
  }

  #tellTimes = () => {
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll(".item-row"))) {
      const item = this.#pages?.row(Number(row.dataset.index));
      if (item) fillItemTime(/** @type {HTMLElement} */ (row.children[4]), item);
    }
  };

  #frame() {
    const { search, sort, order } = this.#query;
    const total = this.#pages?.total ?? null;
    const found = this.#pages?.query.search ?? "";
    const waiting =
      this.#coming === null && (this.#rows?.top ?? 0) >= rowHeight() ? this.#unique - this.#uniqueThen : 0;
    const error = this.#pages?.error ?? "";
    render(
      html`<div class="panel-head items-head">
          <h2>All items</h2>
          <label class="search"
            ><span class="visually-hidden">Search items</span>${icons.search()}
            <input
              type="search"
              data-testid="search"
              placeholder="Search"
              autocomplete="off"
              spellcheck="false"
              maxlength="200"
              aria-keyshortcuts="/"
              @input=${this.#search}
              @keydown=${this.#searchKey}
          /></label>
          <p class="matches" data-testid="matches" role="status">
            ${total === null ? "" : search !== found ? "Searching…" : search ? format.plural(total, "match", "matches") : format.plural(total, "item")}
          </p>
          ${waiting > 0 && !search ? html`<button class="button small accent" @click=${() => this.#begin(true)}>${format.count(waiting)} new · show</button>` : nothing}
        </div>
        <div
          class="item-grid"
          role="grid"
          tabindex="0"
          aria-label="All items"
          aria-rowcount=${(total ?? 0) + 1}
          aria-colcount="6"
          data-sort=${sort}
          @keydown=${this.#key}
          @click=${this.#click}
        >
          <div class="item-header" role="row" aria-rowindex="1">
            <span role="columnheader" class="item-number">No.</span
            ><span role="columnheader" class="item-main">Item</span>
            ${COLUMNS.map(
              ([name, words]) =>
                html`<span
                  role="columnheader"
                  class="item-${name}"
                  aria-sort=${sort !== name ? "none" : order === "asc" ? "ascending" : "descending"}
                >
                  <button
                    class="sort"
                    data-testid="sort-${name}"
                    data-active=${sort === name}
                    data-order=${order}
                    @click=${() => this.#sort(name)}
                  >
                    ${words}<span class="sort-mark" aria-hidden="true"
                      >${sort !== name ? "" : order === "asc" ? "▲" : "▼"}</span
                    >
                  </button></span
                >`,
            )}
            <span role="columnheader" class="item-actions"><span class="visually-hidden">Copy</span></span>
          </div>
          <div class="item-space" role="rowgroup"><div class="item-body" role="presentation"></div></div>
        </div>
        <p class="empty items-empty" ?hidden=${!(total === 0 || error)}>
          ${
            error
              ? html`${error} <button class="button small" @click=${() => this.#begin(true)}>Try again</button>`
              : found
                ? html`No item holds “<bdi>${found}</bdi>”.`
                : "No items yet."
          }
        </p>
        <p class="visually-hidden" role="status">${this.#copied}</p>`,
      this,
    );
  }

  #search = (/** @type {Event} */ event) => {
    clearTimeout(this.#searchTimer);
    const search = /** @type {HTMLInputElement} */ (event.target).value.trim();
    this.#searchTimer = setTimeout(() => {
      if (search === this.#query.search) return;
      this.#query = { ...this.#query, search };
      this.#begin(true);
    }, SEARCH_DELAY_MS);
  };

  #searchKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    /** @type {HTMLElement | null} */ (this.querySelector(".item-grid"))?.focus();
    if (this.#active < 0) this.#activate(0);
  };

  /** @param {"count" | "provider" | "time"} sort */
  #sort(sort) {
    const first = sort === "provider" ? "asc" : "desc";
    const order = this.#query.sort !== sort ? first : this.#query.order === "asc" ? "desc" : "asc";
    this.#query = { ...this.#query, sort, order };
    this.#begin(true);
  }

  #key = (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = this.#rows;
    if (!rows?.total) return;
    const item = this.#pages?.row(this.#active);
    const page = rows.windowRows;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: rows.total - 1,
    });
    if (event.key in steps) this.#activate(steps[event.key]);
    else if (event.key === "Enter" && item) openItemDialog(item);
    else if (event.key === "c" && item) this.#copy(item);
    else return;
    event.preventDefault();
  };

  /** @param {number} index */
  #activate(index) {
    const rows = this.#rows;
    if (!rows?.total) return;
    const before = rows.element(this.#active);
    before?.setAttribute("aria-selected", "false");
    this.#active = Math.min(rows.total - 1, Math.max(0, index));
    rows.reveal(this.#active);
    rows.element(this.#active)?.setAttribute("aria-selected", "true");
    this.#tellActive();
  }

  /** Which row the keys are on, while it has an element. */
  #tellActive() {
    const id = this.#rows?.element(this.#active)?.id ?? "";
    if (id === this.#told) return;
    this.#told = id;
    const grid = this.querySelector(".item-grid");
    if (id) grid?.setAttribute("aria-activedescendant", id);
    else grid?.removeAttribute("aria-activedescendant");
  }

  #click = (/** @type {Event} */ event) => {
    const target = /** @type {Element} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest(".item-row"));
    if (!row) return;
    const index = Number(row.dataset.index);
    const item = this.#pages?.row(index);
    if (!item) return;
    if (target.closest(".item-copy")) this.#copy(item, row);
    else if (!getSelection()?.toString()) {
      this.#activate(index);
      openItemDialog(item);
    }
  };

  /** @param {any} item @param {HTMLElement} [row] */
  async #copy(item, row = this.#rows?.element(this.#active)) {
    const done = await copy(item.text);
    const button = row?.querySelector(".item-copy");
    this.#copied = done ? "Copied." : "This browser does not let the page copy.";
    if (button) {
      button.textContent = done ? "Copied" : "Failed";
      setTimeout(() => (button.textContent = "Copy"), 1200);
    }
    this.#frame();
  }
}

customElements.define("item-list", ItemList);
