/** How far a topic is explored, in words and bars: what the estimates say, and each way of asking. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { visible } from "../text.js";
import { meter } from "./meter.js";

/** @type {Record<string, string>} */
const WAYS = {
  plain: "Asked afresh",
  listed: "With a list of what is known",
  facet: "By sub-topic",
  letter: "By first letters",
  language: "In another language",
};

/** @param {any} view */
export function exploration(view) {
  const explored = view.exploration;
  const coverage = view.coverage;
  return html`<div class="panel-head"><h2>How far</h2></div>
    <dl class="facts">
      <div>
        <dt>Coverage</dt>
        <dd>
          ${interval(coverage, explored)}<span class="note"
            >${explored ? `${format.percent(coverage)}, ${format.percent(explored.coverage_low)} to ${format.percent(explored.coverage_high)}: of what one more answer says when asked afresh, so much is known. From ${format.plural(explored.fresh_responses, "fresh response")}.` : "Not known before two fresh responses."}</span
          >
        </dd>
      </div>
      <div>
        <dt>Of all distinct items</dt>
        <dd>
          ${explored ? `at most ${format.percent(explored.distinct_at_most)}` : format.UNKNOWN}<span class="note"
            >a bound: rare items are many, and the true share may be much lower</span
          >
        </dd>
      </div>
      <div>
        <dt>Next call brings</dt>
        <dd>
          ${explored ? `${format.rate(explored.next_yield)} new items` : format.UNKNOWN}<span class="note"
            >${nextPrice(explored?.next_price_usd)}</span
          >
        </dd>
      </div>
    </dl>
    ${ways(explored)}`;
}

/** @param {number | null | undefined} usd of the next new item */
function nextPrice(usd) {
  if (usd == null) return "price unknown";
  return usd ? `the next one costs about ${price(usd)}` : "they cost nothing";
}

/** A price that may be tiny. @param {number} usd */
const price = (usd) => (usd < 0.0001 ? `$${usd.toPrecision(2)}` : format.money(usd));

/** The estimate as a mark within its interval. @param {number | null} coverage @param {any} explored */
function interval(coverage, explored) {
  const at = (/** @type {number} */ share) => `${(Math.min(1, Math.max(0, share)) * 100).toFixed(1)}%`;
  return html`<span class="interval" aria-hidden="true"
    >${
      coverage == null || !explored
        ? nothing
        : html`<span
              class="interval-range"
              .style=${`inset-inline-start:${at(explored.coverage_low)};inline-size:${at(explored.coverage_high - explored.coverage_low)}`}
            ></span
            ><span class="interval-mark" .style=${`inset-inline-start:${at(coverage)}`}></span>`
    }</span
  >`;
}

/** @param {any} explored */
function ways(explored) {
  /** @type {[string, [number, number]][]} */
  const entries = Object.entries(explored?.ways ?? {});
  if (!entries.length) return nothing;
  const most = Math.max(...entries.map(([, [, found]]) => found));
  return html`<ul class="ways" aria-label="Ways of asking">
    ${entries.map(
      ([name, [responses, found]]) =>
        html`<li>
          <span>${WAYS[name] ?? visible(name)}</span
          ><span class="quiet"
            >${format.count(found)} new in ${format.plural(responses, "response")}</span
          >${meter(most ? found / most : 0)}
        </li>`,
    )}
  </ul>`;
}
