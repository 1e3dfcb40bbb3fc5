/** A topic's figures in one strip. */

import { html } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { isLive } from "../states.js";
import { meter } from "./meter.js";

/** @param {any} view */
export function figures(view) {
  const limit = view.settings?.max_cost_usd ?? null;
  const spent = limit && view.cost_usd != null ? view.cost_usd / limit : null;
  const explored = view.exploration;
  const goal = view.settings?.max_attributes ?? null;
  const tokens = view.input_tokens + view.output_tokens;
  const estimated = tokens ? view.tokens_estimated / tokens : 0;
  return html`<dl class="figures">
    <div class="figure lead">
      <dt>Unique items</dt>
      <dd data-testid="unique-count" data-value=${view.unique}>${format.count(view.unique)}</dd>
      <dd class="note">
        ${goal ? `of ${format.count(goal)}` : `${format.count(view.new)} in this run`}${view.held ? ` · ${format.count(view.held)} more held` : ""}${view.invalid ? ` · ${format.count(view.invalid)} not of the topic` : ""}
      </dd>
    </div>
    <div class="figure">
      <dt>New a minute</dt>
      <dd>${format.rate(isLive(view) ? view.items_per_minute : null)}</dd>
      <dd class="note">${isLive(view) ? "lately" : "not running"}</dd>
    </div>
    <div class="figure">
      <dt>Share new</dt>
      <dd>${format.percent(view.share_new)}</dd>
      <dd class="note">${meter(view.share_new)}</dd>
    </div>
    <div class="figure">
      <dt>Coverage</dt>
      <dd>${format.percent(view.coverage)}</dd>
      <dd class="note">
        ${explored ? `${format.percent(explored.coverage_low)} to ${format.percent(explored.coverage_high)}` : "not known"}
        ${meter(view.coverage, "good")}
      </dd>
    </div>
    <div class="figure">
      <dt>Next call brings</dt>
      <dd>${explored ? format.rate(explored.next_yield) : "–"}</dd>
      <dd class="note">
        new items${explored?.next_price_usd ? html`, ${format.money(1000 * explored.next_price_usd)} a thousand` : ""}
      </dd>
    </div>
    <div class="figure">
      <dt>Cost</dt>
      <dd>${format.money(view.cost_usd)}</dd>
      <dd class="note">
        ${view.cost_usd == null ? "a price is unknown" : limit ? html`of ${format.money(limit)} ${meter(spent, spent !== null && spent > 0.85 ? "warn" : "accent")}` : "no limit"}
      </dd>
    </div>
    <div class="figure">
      <dt>Calls</dt>
      <dd>${format.count(view.calls)}</dd>
      <dd class="note">
        ${view.failed_calls ? `${format.count(view.failed_calls)} failed` : "none failed"} ·
        ${format.count(view.open_orders)} open
      </dd>
    </div>
    <div class="figure">
      <dt>Tokens</dt>
      <dd title="${format.count(view.input_tokens)} in, ${format.count(view.output_tokens)} out">
        ${format.compact(tokens)}
      </dd>
      <dd class="note">
        ${format.compact(view.input_tokens)} in · ${format.compact(view.output_tokens)}
        out${estimated > 0.005 ? ` · ${format.percent(estimated)} estimated` : ""}
      </dd>
    </div>
    <div class="figure">
      <dt>Running time</dt>
      <dd>${format.duration(view.elapsed_s)}</dd>
      <dd class="note">
        ${view.settings?.max_time_s ? `of ${format.duration(view.settings.max_time_s)}` : html`<span title=${format.dateTime(view.started_at)}>since ${view.started_at ? format.since(view.started_at) : format.UNKNOWN}</span>`}
      </dd>
    </div>
  </dl>`;
}

/** The strip's place while nothing is known. */
export const figuresSkeleton = () =>
  html`<div class="figures" aria-hidden="true">
    ${[..."123456789"].map(() => html`<div class="figure"><span class="skeleton line short"></span><span class="skeleton line tall"></span><span class="skeleton line short"></span></div>`)}
  </div>`;
