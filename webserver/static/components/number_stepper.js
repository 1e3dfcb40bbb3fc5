/** − number +: several clicks become one request. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { icons } from "./icons.js";

const SETTLE_MS = 350;

class NumberStepper extends HTMLElement {
  #value = 0;
  /** @type {number | null} what is wanted and not yet so */
  #wanted = null;
  #timer = 0;
  least = 1;
  most = 256;
  /** What is counted, for labels and test hooks: `producers`. */
  subject = "";
  /** @type {(value: number) => Promise<boolean>} */
  apply = async () => false;

  /** @param {number} value */
  set value(value) {
    this.#value = value;
    if (this.#wanted === value) this.#wanted = null;
    this.#render();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  #render() {
    const shown = this.#wanted ?? this.#value;
    render(
      html`<div class="stepper" role="group" aria-label="Number of ${this.subject}">
        <button
          class="button icon-only"
          data-testid="${this.subject}-minus"
          aria-label="Fewer ${this.subject}"
          ?disabled=${shown <= this.least}
          @click=${() => this.#want(shown - 1)}
        >
          ${icons.minus()}
        </button>
        <input
          data-testid="${this.subject}-count"
          aria-label="Number of ${this.subject}"
          inputmode="numeric"
          autocomplete="off"
          .value=${String(shown)}
          data-pending=${this.#wanted !== null}
          @change=${this.#typed}
          @keydown=${this.#keydown}
        />
        <button
          class="button icon-only"
          data-testid="${this.subject}-plus"
          aria-label="More ${this.subject}"
          ?disabled=${shown >= this.most}
          @click=${() => this.#want(shown + 1)}
        >
          ${icons.plus()}
        </button>
      </div>`,
      this,
    );
  }

  #typed = (/** @type {Event} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const value = Number(input.value);
    if (input.value.trim() && Number.isInteger(value)) this.#want(value);
    else input.value = String(this.#wanted ?? this.#value);
  };

  #keydown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#want((this.#wanted ?? this.#value) + step);
  };

  /** @param {number} value */
  #want(value) {
    this.#wanted = Math.min(this.most, Math.max(this.least, value));
    this.#render();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const wanted = this.#wanted;
      if (wanted === null || wanted === this.#value) {
        this.#wanted = null;
      } else if (!(await this.apply(wanted))) {
        this.#wanted = null;
      }
      this.#render();
    }, SETTLE_MS);
  }
}

customElements.define("number-stepper", NumberStepper);
