/** A form's field for a setting, made from the service's description of it (`OptionView`). */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { durationTyped } from "../format.js";

/** @typedef {{name: string, flag: string, type: string, help: string, default: any, choices: string[], minimum: number | null, maximum: number | null}} Option */

/** @type {Record<string, string>} */
const LABELS = {
  producers: "Producers",
  concurrency: "Requests in flight, each producer",
  iterations: "Stop after requests, each producer",
  provider: "Provider",
  request_size: "Items a request",
  max_attributes: "Stop at items",
  max_cost_usd: "Budget, US$",
  max_time_s: "Stop after",
  until_coverage: "Stop at coverage",
  min_yield: "Stop below new items a call",
  max_price_per_item_usd: "Stop above US$ an item",
  patience: "End answers after known items",
  validate: "Judge items",
  identity: "Same item means",
  filter: "Duplicate filter",
  seed: "Seed",
  avoid_share: "Share for known items",
  max_attempts: "Attempts a request",
  connect_timeout_s: "Connect time-out",
  read_timeout_s: "Read time-out",
  log_level: "Log level",
  provider_options: "Provider options",
  prices: "Prices",
  fresh: "Start anew",
  output: "Folder",
  trace_endpoint: "Trace collector",
};
/** @type {Record<string, string>} */
const EMPTY = {
  max_cost_usd: "no limit",
  max_time_s: "e.g. 1h30m",
  max_attributes: "no limit",
  iterations: "no limit",
  seed: "random",
  until_coverage: "e.g. 0.95",
  min_yield: "no limit",
  max_price_per_item_usd: "no limit",
  patience: "never",
};

/** @param {Option} option */
export const labelOf = (option) => LABELS[option.name] ?? sentence(option.flag);

/** @param {string} flag `--some-thing` @returns {string} `Some thing` */
function sentence(flag) {
  const words = flag.replace(/^--/, "").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * @param {Option} option
 * @param {{form: string, value?: any, error?: string, hint?: boolean, list?: string, described?: string}} how `form`: prefix of ids;
 *   `value`: where it is not the default; `list`: id of a datalist; `described`: id of another hint
 */
export function optionField(option, { form, value, error = "", hint = true, list = "", described = "" }) {
  const id = `${form}-${option.name}`;
  const describedBy = [hint ? `${id}-hint` : "", error ? `${id}-error` : "", described].filter(Boolean).join(" ");
  const field = { id, value, list, describedBy, invalid: error ? "true" : "false" };
  return html`<div class="field" data-option=${option.name}>
    ${
      option.type === "flag"
        ? html`<label class="check"
            ><input
              type="checkbox"
              id=${id}
              name=${option.name}
              aria-describedby=${describedBy}
              ?checked=${Boolean(value ?? option.default)}
            />
            <span>${labelOf(option)}</span></label
          >`
        : html`<label for=${id}>${labelOf(option)}</label>${input(option, field)}`
    }
    ${hint ? html`<p class="hint" id="${id}-hint">${option.help}</p>` : nothing}
    ${error ? html`<p class="field-error" id="${id}-error">${error}</p>` : nothing}
  </div>`;
}

/** @param {Option} option @param {{id: string, value: any, list: string, describedBy: string, invalid: string}} field */
function input(option, { id, value, list, describedBy, invalid }) {
  const given = value == null ? "" : String(value);
  if (option.type === "choice") {
    return html`<select id=${id} name=${option.name} aria-describedby=${describedBy || nothing} aria-invalid=${invalid}>
      ${option.choices.map((choice) => html`<option value=${choice} ?selected=${choice === (given || String(option.default))}>${choice}</option>`)}
    </select>`;
  }
  if (option.type === "list") {
    return html`<textarea
      id=${id}
      name=${option.name}
      rows="2"
      placeholder="one a line"
      aria-describedby=${describedBy || nothing}
      aria-invalid=${invalid}
      spellcheck="false"
      .defaultValue=${Array.isArray(value) ? value.join("\n") : given}
    ></textarea>`;
  }
  const number = option.type === "integer" || option.type === "number";
  return html`<input
    id=${id}
    name=${option.name}
    type=${number ? "number" : "text"}
    .defaultValue=${given}
    inputmode=${option.type === "integer" ? "numeric" : option.type === "number" ? "decimal" : nothing}
    step=${option.type === "integer" ? "1" : number ? "any" : nothing}
    min=${(number && option.minimum) ?? nothing}
    max=${(number && option.maximum) ?? nothing}
    placeholder=${placeholder(option)}
    list=${list || nothing}
    aria-describedby=${describedBy || nothing}
    aria-invalid=${invalid}
    autocomplete="off"
    spellcheck="false"
  />`;
}

/** @param {Option} option @returns {string} what counts when nothing is typed */
function placeholder({ name, type, default: value }) {
  if (value == null || value === "") return EMPTY[name] ?? "";
  return type === "duration" && typeof value === "number" ? durationTyped(value) : String(value);
}

/**
 * @param {HTMLFormElement} form @param {Option[]} options
 * @returns {Record<string, unknown>} what was filled in and is not the default, as JSON values
 */
export function readOptions(form, options) {
  /** @type {Record<string, unknown>} */
  const given = {};
  for (const option of options) {
    const field = form.elements.namedItem(option.name);
    const value = field ? readField(option, /** @type {HTMLInputElement} */ (field)) : undefined;
    if (value !== undefined && value !== option.default) given[option.name] = value;
  }
  return given;
}

/** @param {Option} option @param {HTMLInputElement} field @returns {unknown} undefined when nothing was given */
function readField(option, field) {
  if (option.type === "flag") return field.checked;
  const text = field.value.trim();
  if (!text) return undefined;
  if (option.type === "integer" || option.type === "number") return Number(text);
  if (option.type === "list")
    return text
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  return text;
}

/** @param {Option[]} options @param {string} message of the service @returns {Option | undefined} the one it is about */
export const blamed = (options, message) =>
  options.find(
    (option) =>
      message.startsWith(`${option.name}:`) || new RegExp(`(^|[^-\\w])${option.flag}(?![-\\w])`).test(message),
  );
