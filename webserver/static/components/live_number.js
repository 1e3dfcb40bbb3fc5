/** A setting that is changed while the run goes on: its value now, and a field that applies on Enter. */

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { icons } from "./icons.js";

/**
 * @typedef {object} Setting
 * @property {string} id of the field
 * @property {string} label
 * @property {boolean} [quiet] the label is for screen readers only
 * @property {string} value as it is typed
 * @property {string} [placeholder]
 * @property {string} [unit]
 * @property {boolean} [disabled]
 * @property {(text: string) => unknown} parse throws an Error with the reason
 * @property {(value: any) => Promise<boolean>} apply whether it was taken
 */

class LiveNumber extends HTMLElement {
  /** @type {Setting | null} */
  #setting = null;
  #draft = /** @type {string | null} */ (null);
  #error = "";
  #busy = false;

  /** @param {Setting} setting */
  set setting(setting) {
    this.#setting = setting;
    this.#render();
  }

  #render() {
    const setting = this.#setting;
    if (!setting) return;
    const { id, label, quiet = false, value, placeholder = "", unit = "", disabled = false } = setting;
    const changed = this.#draft !== null && this.#draft !== value;
    render(
      html`<form class="live-number" novalidate @submit=${this.#submit} @keydown=${this.#keydown}>
        <label for=${id} class=${quiet ? "visually-hidden" : ""}>${label}</label>
        <span class="live-number-field" data-changed=${changed}>
          <input
            id=${id}
            type="text"
            inputmode="decimal"
            autocomplete="off"
            placeholder=${placeholder}
            ?disabled=${disabled || this.#busy}
            .value=${this.#draft ?? value}
            aria-invalid=${this.#error ? "true" : "false"}
            aria-describedby=${this.#error ? `${id}-error` : nothing}
            @input=${this.#input}
            @blur=${this.#blur}
          />
          ${unit ? html`<span class="unit" aria-hidden="true">${unit}</span>` : nothing}
          <button class="apply" aria-label="Apply ${label}" title="Apply (Enter)" ?disabled=${!changed || this.#busy}>
            ${icons.check()}
          </button>
        </span>
        ${this.#error ? html`<span class="field-error" id="${id}-error" role="alert">${this.#error}</span>` : nothing}
      </form>`,
      this,
    );
  }

  #input = (/** @type {Event} */ event) => {
    this.#draft = /** @type {HTMLInputElement} */ (event.target).value;
    this.#error = "";
    this.#render();
  };

  #blur = () => {
    if (this.#draft !== this.#setting?.value) return;
    this.#draft = null;
    this.#render();
  };

  #keydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || this.#draft === null) return;
    event.preventDefault();
    this.#draft = null;
    this.#error = "";
    this.#render();
  };

  #submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (this.#draft === null || !this.#setting || this.#busy) return;
    let value;
    try {
      value = this.#setting.parse(this.#draft.trim());
    } catch (error) {
      this.#error = /** @type {Error} */ (error).message;
      this.#render();
      return;
    }
    this.#busy = true;
    this.#render();
    const taken = await this.#setting.apply(value);
    this.#busy = false;
    // Where it was taken, the new value follows with the next view; the draft stays until then.
    if (taken)
      setTimeout(() => {
        this.#draft = null;
        this.#render();
      }, 400);
    this.#render();
  };
}

customElements.define("live-number", LiveNumber);

/** @param {number} least @param {number} most @returns {(text: string) => number} a whole number within bounds */
export const wholeNumber = (least, most) => (text) => {
  const value = Number(text);
  if (!text || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`A whole number from ${least} to ${most}.`);
  return value;
};

/** @param {string} text @returns {number | null} dollars; null for an empty text: no limit */
export function budget(text) {
  if (!text) return null;
  const value = Number(text.replace(/^\$/, ""));
  if (!(value > 0 && value < Infinity)) throw new Error("Dollars above 0, or nothing for no limit.");
  return value;
}

/** @param {string} text @returns {number} 0 or more */
export function weight(text) {
  const value = Number(text);
  if (!text || !(value >= 0 && value < Infinity)) throw new Error("0 or more.");
  return value;
}
