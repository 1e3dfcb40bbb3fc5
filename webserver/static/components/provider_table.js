/** The providers of a run: what they cost, how fast and how well they answer, and how much they get. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { ERROR_WORDS } from "../states.js";
import { weight } from "./live_number.js";

/** @param {any} view @param {import("../app.js").Page} page @param {boolean} live */
export function providerTable(view, page, live) {
  /** @type {any[]} */
  const providers = view.providers;
  if (!providers.length) return html`<p class="empty">No provider has been asked yet.</p>`;
  const slowest = Math.max(...providers.map(({ duration_p95_s }) => duration_p95_s ?? 0));
  const column = (/** @type {string} */ name, /** @type {string} */ look = "") =>
    html`<th scope="col" role="columnheader" class=${look}>${name}</th>`;
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Providers, table">
    <table class="table providers" role="table">
      <thead role="rowgroup">
        <tr role="row">
          ${column("Provider")}${column("Weight")}${column("In flight", "number")}${column("Calls")}${column("New items")}
          ${column("Tokens", "number")}${column("Cost", "number")}${column("Time of a call")}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${providers.map(
          (provider, index) =>
            html`<tr role="row">
              <th scope="row" role="rowheader" class="provider-name">
                <bdi>${provider.name}</bdi>${condition(provider, live)}
              </th>
              <td role="cell" class="provider-weight">
                ${label("Weight")}${live && !provider.disabled ? weightField(provider, index, view, page) : shareOf(provider, providers)}
              </td>
              <td role="cell" class="number">${label("In flight")}${format.count(provider.in_flight)}</td>
              <td role="cell" class="provider-calls">${label("Calls")}${calls(provider)}</td>
              <td role="cell">${label("New items")}${yieldOf(provider)}</td>
              <td role="cell" class="number">
                ${label("Tokens")}<span class="two"
                  ><span>${format.compact(provider.input_tokens)} in</span
                  ><span>${format.compact(provider.output_tokens)} out</span></span
                >
              </td>
              <td role="cell" class="number">${label("Cost")}${format.money(provider.cost_usd)}</td>
              <td role="cell" class="provider-time">${label("Time of a call")}${latencyBar(provider, slowest)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** What part of the requests it was to get: of an ended run there is no more, for its folder holds no weights. @param {any} provider @param {any[]} providers */
function shareOf({ weight }, providers) {
  const all = providers.reduce((sum, other) => sum + other.weight, 0);
  return html`<span class="quiet">${format.percent(all ? weight / all : null)} of requests</span>`;
}

/** A cell's heading where the page is too narrow for columns. @param {string} words */
const label = (words) => html`<span class="cell-label" aria-hidden="true">${words}</span>`;

/** @param {any} provider @param {boolean} live */
function condition({ disabled, paused_s }, live) {
  if (!live && !disabled) return nothing;
  if (disabled) return html`<span class="condition bad">Not asked any more: ${disabled}</span>`;
  if (paused_s > 0) return html`<span class="condition warn">Waits ${Math.ceil(paused_s)} s</span>`;
  return html`<span class="condition">In use</span>`;
}

/** @param {any} provider @param {number} index @param {any} view @param {import("../app.js").Page} page */
function weightField(provider, index, view, page) {
  return html`<div class="weight">
    <live-number
      .setting=${{
        id: `weight-${index}`,
        label: `Weight of ${provider.name}`,
        quiet: true,
        value: String(provider.weight),
        parse: weight,
        apply: (/** @type {number} */ value) =>
          page.steering.change(
            view.id,
            { weights: { [provider.name]: value } },
            `The weight of ${provider.name} is now ${value}.`,
          ),
      }}
    ></live-number
    ><span class="note">${format.percent(provider.share)} of requests</span>
  </div>`;
}

/** @param {any} provider */
function calls({ calls, failures, errors }) {
  const kinds = Object.entries(errors).sort(([, a], [, b]) => b - a);
  const part = (/** @type {number} */ number) => `flex-grow:${number}`;
  return html`<div class="calls">
    <span class="two"
      ><span>${format.count(calls)}</span>
      <span class=${failures ? "bad-text" : "quiet"}
        >${failures ? `${format.percent(failures / calls)} failed` : "none failed"}</span
      ></span
    >
    <span class="stack" aria-hidden="true"
      ><span class="part ok" .style=${part(calls - failures)}></span>${kinds.map(
        ([kind, number]) => html`<span class="part" data-kind=${kind} .style=${part(number)}></span>`,
      )}</span
    >
    ${
      kinds.length
        ? html`<ul class="kinds">
            ${kinds.map(([kind, number]) => html`<li><span class="swatch" data-kind=${kind} aria-hidden="true"></span>${format.count(number)} ${ERROR_WORDS[kind] ?? kind}</li>`)}
          </ul>`
        : nothing
    }
  </div>`;
}

/** @param {any} provider */
function yieldOf({ new: fresh, duplicate, fresh_yield: next }) {
  const share = fresh + duplicate ? fresh / (fresh + duplicate) : null;
  return html`<span class="two"
      ><span>${format.count(fresh)}</span><span class="quiet">${format.percent(share)} new</span></span
    >${next == null ? nothing : html`<span class="note">asked afresh: about ${Math.round(next)}</span>`}`;
}

/** @param {any} provider @param {number} slowest seconds, the scale's end */
function latencyBar({ duration_p50_s: p50, duration_p95_s: p95, first_chunk_p50_s: first }, slowest) {
  if (p50 == null || p95 == null) return html`<span class="quiet">${format.UNKNOWN}</span>`;
  const at = (/** @type {number} */ seconds) => `${((seconds / slowest) * 100).toFixed(1)}%`;
  return html`<div class="latency">
    <span class="latency-bar" aria-hidden="true">
      <span class="latency-p95" .style=${`inline-size:${at(p95)}`}></span
      ><span class="latency-p50" .style=${`inline-size:${at(p50)}`}></span
    ></span>
    <span class="note"
      ><b>${format.latency(p50)}</b> median ·
      <b>${format.latency(p95)}</b> p95${first == null ? nothing : ` · first chunk ${format.latency(first)}`}</span
    >
  </div>`;
}
