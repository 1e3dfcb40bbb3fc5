/** The form that starts a topic. What is seldom needed is folded away; the service's errors stand beside their field. */

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import * as api from "../api.js";
import { topicAddress } from "../router.js";
import { icons } from "./icons.js";
import { blamed, optionField, readOptions } from "./option_field.js";

const FIRST = ["provider", "producers", "max_cost_usd", "max_attributes", "max_time_s"];
const EXAMPLES = ["Paris attractions", "Edible mushrooms", "Programming languages", "Jazz standards", "Words for rain"];

/** Here even the first fields are folded away. */
const narrow = matchMedia("(max-width: 720px)");

class StartForm extends HTMLElement {
  /** @type {import("../app.js").Page | null} */
  #page = null;
  #empty = false;
  #busy = false;
  #error = "";
  #runningId = "";
  #chosen = "";
  /** @type {any} */
  #rendered = null;

  /** @param {import("../app.js").Page} page */
  set page(page) {
    this.#page = page;
    this.#renderIfNew();
  }

  /** Whether there are no topics yet: the form is then all there is. @param {boolean} empty */
  set empty(empty) {
    this.#empty = empty;
    this.#renderIfNew();
  }

  connectedCallback() {
    this.#render();
  }

  /** The service's description comes once; the rest of the page's changes are none of this form's business. */
  #renderIfNew() {
    const key = `${Boolean(this.#page?.service)} ${this.#empty}`;
    if (key !== this.#rendered) this.#render();
  }

  #render() {
    if (!this.#page) return;
    const { service } = this.#page;
    this.#rendered = `${Boolean(service)} ${this.#empty}`;
    /** @type {import("./option_field.js").Option[]} */
    const options = service?.options ?? [];
    const first = FIRST.map((name) => options.find((option) => option.name === name)).filter(
      (option) => option !== undefined,
    );
    const rest = options.filter((option) => !FIRST.includes(option.name) && option.name !== "topic");
    const wrong = this.#error ? blamed(options, this.#error) : undefined;
    /** @param {import("./option_field.js").Option} option @param {object} [how] */
    const field = (option, how) =>
      optionField(option, { form: "start", error: option === wrong ? this.#error : "", ...how });
    const suggestion = suggestions(service).find(({ value }) => value === (this.#chosen || this.#default(options)));
    render(
      html`<form
        class="start-form"
        data-testid="start-topic"
        aria-label="Start a topic"
        @submit=${this.#submit}
        @input=${this.#input}
      >
        <div class="start-line">
          <label class="visually-hidden" for="start-topic">Topic</label>
          <input
            class="start-topic"
            id="start-topic"
            name="topic"
            type="text"
            maxlength="2000"
            required
            autocomplete="off"
            dir="auto"
            placeholder=${this.#empty ? "e.g. Paris attractions" : "What do you want everything of?"}
          />
          <button class="button primary large" data-testid="start" ?disabled=${this.#busy}>
            ${icons.play()}<span>${this.#busy ? "Starting…" : "Start"}</span>
          </button>
        </div>
        <p class="form-error" role="alert" ?hidden=${!this.#error}>
          ${this.#error ? icons.error() : nothing}<span>${this.#error}</span>
          ${this.#runningId ? html`<a data-inside href=${topicAddress(this.#runningId)}>Open it</a>` : nothing}
        </p>
        ${
          this.#empty
            ? html`<p class="examples">
                <span>For example</span>${EXAMPLES.map(
                  (text) =>
                    html` <button type="button" class="chip" @click=${() => this.#example(text)}>${text}</button>`,
                )}
              </p>`
            : nothing
        }
        <div class="start-fields">
          ${
            service
              ? first.map((option) =>
                  field(
                    option,
                    option.name === "provider"
                      ? { hint: false, list: "start-providers", described: "start-provider-about" }
                      : { hint: false },
                  ),
                )
              : FIRST.map(
                  () =>
                    html`<div class="field">
                      <span class="skeleton line"></span><span class="skeleton box"></span>
                    </div>`,
                )
          }
        </div>
        <datalist id="start-providers">
          ${suggestions(service).map(({ value, description }) => html`<option value=${value}>${description}</option>`)}
        </datalist>
        <div class="start-more">
          <details class="all-options" ?open=${wrong !== undefined && (rest.includes(wrong) || narrow.matches)}>
            <summary>${icons.down()}<span>All options</span></summary>
            <div class="option-grid">${rest.map((option) => field(option))}</div>
          </details>
          <p class="hint provider-about" id="start-provider-about">
            ${suggestion ? html`<code>${suggestion.value}</code> ${suggestion.description}` : nothing}
          </p>
        </div>
      </form>`,
      this,
    );
    if (wrong) /** @type {HTMLElement | null} */ (this.#form?.elements.namedItem(wrong.name))?.focus();
  }

  /** @param {import("./option_field.js").Option[]} options @returns {string} */
  #default = (options) => String(options.find(({ name }) => name === "provider")?.default ?? "");

  #input = (/** @type {Event} */ event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    if (field.name !== "provider") return;
    this.#chosen = field.value.trim();
    this.#render();
  };

  /** @param {string} text */
  #example(text) {
    const input = /** @type {HTMLInputElement} */ (this.#form?.elements.namedItem("topic"));
    input.value = text;
    input.focus();
  }

  get #form() {
    return this.querySelector("form");
  }

  #submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (this.#busy || !this.#page?.service || !this.#form) return;
    const page = this.#page;
    const topic = String(new FormData(this.#form).get("topic") ?? "").trim();
    const options = readOptions(this.#form, page.service.options);
    this.#busy = true;
    this.#error = this.#runningId = "";
    this.#render();
    try {
      const { id } = await api.start(topic, options);
      this.#form.reset();
      page.go(topicAddress(id));
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      this.#error = error.message;
      this.#runningId = error.status === 409 ? error.topicId : "";
    } finally {
      this.#busy = false;
      this.#render();
    }
  };
}

/** @param {any} service @returns {{value: string, description: string}[]} */
function suggestions(service) {
  return (service?.providers ?? []).map((/** @type {any} */ one) =>
    Array.isArray(one) ? { value: one[0], description: one[1] } : one,
  );
}

customElements.define("start-form", StartForm);
