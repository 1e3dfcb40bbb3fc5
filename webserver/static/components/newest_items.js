/** The newest items, flowing in at the top the moment they arrive. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { shortened } from "../text.js";
import { icons } from "./icons.js";
import { openItemDialog } from "./item_dialog.js";

const SHOWN = 40;
/** Items that come faster than this are not lit up one by one: that would only flicker. */
const CALM_MS = 250;

class NewestItems extends HTMLElement {
  /** @type {import("../topic_model.js").TopicModel | null} */
  #model = null;
  #paused = false;
  #missed = 0;
  #stale = false;
  #arrivedAt = -Infinity;
  /** @type {WeakMap<Element, any>} */
  #items = new WeakMap();

  /** @param {import("../topic_model.js").TopicModel} model */
  set model(model) {
    if (model === this.#model) return;
    this.#unlisten();
    this.#model = model;
    if (this.isConnected) this.#listen();
  }

  connectedCallback() {
    this.#frame();
    this.#listen();
    document.addEventListener("visibilitychange", this.#seen);
  }

  disconnectedCallback() {
    this.#unlisten();
    document.removeEventListener("visibilitychange", this.#seen);
  }

  #listen() {
    this.#model?.addEventListener("items", this.#arrive);
    this.#model?.addEventListener("reset", this.#refill);
    this.#refill();
  }

  #unlisten() {
    this.#model?.removeEventListener("items", this.#arrive);
    this.#model?.removeEventListener("reset", this.#refill);
  }

  get #list() {
    return this.querySelector("ol");
  }

  #frame() {
    render(
      html`<div class="panel-head">
          <h2>Newest items</h2>
          <span class="missed" aria-hidden="true">${this.#missed ? `${format.count(this.#missed)} more` : ""}</span>
          <button class="button small" aria-pressed=${String(this.#paused)} @click=${this.#toggle}>
            ${this.#paused ? icons.play() : icons.pause()}<span>${this.#paused ? "Go on" : "Hold"}</span>
          </button>
        </div>
        <ol class="newest" reversed @click=${this.#open} aria-label="Newest items, newest first" tabindex="0"></ol>
        <p class="empty newest-empty" hidden></p>`,
      this,
    );
  }

  #toggle = () => {
    this.#paused = !this.#paused;
    this.#missed = 0;
    this.#frame();
    if (!this.#paused) this.#refill();
  };

  #refill = () => {
    const list = this.#list;
    if (!list || !this.#model) return;
    this.#stale = false;
    list.replaceChildren(...this.#model.newest.slice(0, SHOWN).map((item) => this.#row(item)));
    this.#sayEmpty();
  };

  #seen = () => {
    if (!document.hidden && this.#stale && !this.#paused) this.#refill();
  };

  /** Straight into the page, not with the next rendering: an item is seen when it is there. */
  #arrive = (/** @type {Event} */ event) => {
    const items = /** @type {CustomEvent<any[]>} */ (event).detail;
    if (this.#paused) {
      this.#missed += items.length;
      this.#frame();
      return;
    }
    if (document.hidden) {
      this.#stale = true;
      return;
    }
    const list = this.#list;
    if (!list) return;
    const calm = performance.now() - this.#arrivedAt > CALM_MS;
    this.#arrivedAt = performance.now();
    const rows = items
      .slice(-SHOWN)
      .reverse()
      .map((item) => this.#row(item, calm));
    list.prepend(...rows);
    while (list.childElementCount > SHOWN) list.lastElementChild?.remove();
    this.#sayEmpty();
  };

  #sayEmpty() {
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".newest-empty"));
    if (!place || !this.#model) return;
    place.hidden = this.#model.newest.length > 0;
    place.textContent = this.#model.newestLoaded ? "No items yet. They appear here the moment they are found." : "";
  }

  /** @param {any} item @param {boolean} [arriving] */
  #row(item, arriving = false) {
    const row = document.createElement("li");
    row.className = arriving ? "newest-item arriving" : "newest-item";
    row.dataset.testid = "newest-item";
    row.dataset.itemId = String(item.id);
    const text = document.createElement("bdi");
    text.className = "newest-text";
    text.textContent = shortened(item.text);
    const from = document.createElement("span");
    from.className = "newest-from";
    from.textContent = item.provider;
    row.append(text, from);
    row.title = `${shortened(item.text, 600)}\n${format.dateTime(item.first_at)}`;
    this.#items.set(row, item);
    return row;
  }

  #open = (/** @type {Event} */ event) => {
    const row = event.target instanceof Element ? event.target.closest("li") : null;
    const item = row && this.#items.get(row);
    if (item && !getSelection()?.toString()) openItemDialog(item);
  };
}

customElements.define("newest-items", NewestItems);
