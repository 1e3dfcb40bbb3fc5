/** Settings: those that can change while it runs, as fields; the others as they are. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { durationParsed, durationTyped, money } from "../format.js";
import { icons } from "./icons.js";
import { budget, wholeNumber } from "./live_number.js";
import { labelOf } from "./option_field.js";

/** Each has a field, or its place elsewhere, while the topic runs. */
const CHANGEABLE = ["producers", "max_cost_usd", "max_time_s", "request_size", "concurrency"];
const FIRST = ["provider", "max_attributes", "iterations", ...CHANGEABLE];

/** @param {string} text @returns {number | null} seconds; null for an empty text: no limit */
function timeLimit(text) {
  if (!text) return null;
  const seconds = durationParsed(text);
  if (seconds === null) throw new Error("A duration such as 90s, 5m or 1h30m, or nothing for no limit.");
  return seconds;
}

/** @param {any} view @param {import("../app.js").Page} page @param {boolean} live */
export function settingsPanel(view, page, live) {
  const { settings } = view;
  /** @param {string} name @param {object} how @param {(value: any) => string} done */
  const field = (name, how, done) =>
    html`<live-number
      .setting=${{
        id: `setting-${name}`,
        apply: (/** @type {any} */ value) => page.steering.change(view.id, { [name]: value }, done(value)),
        ...how,
      }}
    ></live-number>`;
  /** @type {any[]} */
  const known = (page.service?.options ?? []).filter(
    (/** @type {any} */ { name }) => settings[name] !== undefined && !(live && CHANGEABLE.includes(name)),
  );
  const row = (/** @type {any} */ option) =>
    html`<div>
      <dt>${labelOf(option)}</dt>
      <dd><bdi>${shown(option, settings[option.name])}</bdi></dd>
    </div>`;
  return html` ${
      live
        ? html`<div class="live-settings">
            ${field(
              "max_cost_usd",
              {
                label: "Budget",
                unit: "US$",
                placeholder: "no limit",
                value: settings.max_cost_usd == null ? "" : String(settings.max_cost_usd),
                parse: budget,
              },
              (value) => (value === null ? "There is no budget any more." : `The budget is now ${money(value)}.`),
            )}
            ${field(
              "max_time_s",
              {
                label: "Stop after",
                placeholder: "no limit",
                value: durationTyped(settings.max_time_s ?? null),
                parse: timeLimit,
              },
              (value) =>
                value === null ? "There is no time limit any more." : `It stops after ${durationTyped(value)}.`,
            )}
            ${field("request_size", { label: "Items a request", value: String(settings.request_size ?? ""), parse: wholeNumber(1, 1000) }, (value) => `Requests ask for ${value} items now.`)}
            ${field("concurrency", { label: "Requests in flight, each producer", value: String(settings.concurrency ?? ""), parse: wholeNumber(1, 256) }, (value) => `Each producer has ${value} requests in flight now.`)}
          </div>`
        : nothing
    }
    <dl class="settings">${known.filter(({ name }) => FIRST.includes(name)).map(row)}</dl>
    <details class="all-options">
      <summary>${icons.down()}<span>All settings</span></summary>
      <dl class="settings">${known.filter(({ name }) => !FIRST.includes(name)).map(row)}</dl>
    </details>`;
}

/** @param {any} option @param {any} value */
function shown(option, value) {
  if (value == null || value === "" || (Array.isArray(value) && !value.length))
    return option.name === "seed" ? "random" : "none";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return option.type === "duration" && typeof value === "number" ? durationTyped(value) : String(value);
}
