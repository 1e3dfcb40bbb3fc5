/** Items over time with the rate of new ones, on uPlot. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { cssColor } from "../theme.js";
import { PlotElement, upward, wholeNumbers } from "./plot_element.js";

const SUMMARY_EVERY_MS = 10_000;
const DAY_S = 86_400;
/** Between labels of the time axis. */
const STEPS_S = [
  1,
  2,
  5,
  10,
  15,
  30,
  60,
  120,
  300,
  600,
  900,
  1800,
  3600,
  7200,
  10800,
  21600,
  43200,
  ...[1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY_S),
];

class TopicChart extends PlotElement {
  /** @type {import("../topic_model.js").TopicModel | null} */
  #model = null;
  #drawn = "";
  #range = "all";
  #summary = { text: "", at: -Infinity };

  /** @param {{model: import("../topic_model.js").TopicModel, revision: string}} shown `revision`: changes when its series does */
  set shown({ model, revision }) {
    if (model !== this.#model) this.drop();
    this.#model = model;
    if (revision === this.#drawn) return;
    this.#drawn = revision;
    if (this.inSight) this.draw();
  }

  frame() {
    const range = (/** @type {string} */ name, /** @type {string} */ words) =>
      html`<button
        class="segment"
        aria-pressed=${String(this.#range === name)}
        @click=${() => {
          this.#range = name;
          this.frame();
          this.draw();
        }}
      >
        ${words}
      </button>`;
    render(
      html`<div class="panel-head chart-head">
          <h2>Items over time</h2>
          <ul class="legend">
            <li><span class="swatch items" aria-hidden="true"></span>Unique items</li>
            <li><span class="swatch rate" aria-hidden="true"></span>New a minute</li>
          </ul>
          <div class="segments" role="group" aria-label="Time shown">
            ${range("all", "All")}${range("run", "This run")}${range("recent", "10 min")}
          </div>
        </div>
        <div
          class="chart-area"
          data-testid="chart"
          role="img"
          aria-label="Chart: unique items over time, and new items a minute. ${this.#summary.text}"
        >
          <div class="chart-canvas"></div>
          <p class="chart-empty" hidden></p>
          <div class="chart-tip" hidden></div>
        </div>`,
      this,
    );
  }

  draw() {
    const model = this.#model;
    if (!model || !this.ready) return;
    const { at, unique, rate } = this.#shownSeries(model);
    this.show([at, unique, rate], model.seriesLoaded ? "The curve begins with the first items." : "Loading…");
    if (at.length >= 2) this.#summarize(at, unique, rate);
  }

  /** @param {import("../topic_model.js").TopicModel} model */
  #shownSeries({ series, view }) {
    const last = series.at.at(-1) ?? 0;
    const from = this.#range === "recent" ? last - 600 : this.#range === "run" ? (view?.started_at ?? 0) : 0;
    let first = series.at.findIndex((at) => at >= from);
    if (first < 0) first = series.length;
    // A bucket's time is its beginning: the one that holds `from` belongs to it.
    if (first > 0 && series.unique[first - 1] !== null && from > 0) first -= 1;
    return { at: series.at.slice(first), unique: series.unique.slice(first), rate: series.rate.slice(first) };
  }

  /** @param {number[]} at @param {(number | null)[]} unique @param {(number | null)[]} rate */
  #summarize(at, unique, rate) {
    if (performance.now() - this.#summary.at < SUMMARY_EVERY_MS) return;
    const highest = Math.max(...rate.map((value) => value ?? 0));
    const text =
      `From ${format.count(unique.find((value) => value !== null))} at ${format.dateTime(at[0])} to ` +
      `${format.count(unique.findLast((value) => value !== null))} at ${format.dateTime(at.at(-1) ?? null)}; at most ${format.rate(highest)} new a minute.`;
    this.#summary = { text, at: performance.now() };
    this.frame();
  }

  options() {
    const [items, itemsFill, rate, rateFill] = ["--accent", "--accent-wash", "--rate", "--rate-wash"].map(cssColor);
    const axis = this.axis();
    return {
      padding: [10, 4, 0, 0],
      scales: { x: { time: true }, items: { range: upward }, rate: { range: upward } },
      axes: [
        { ...axis, space: 74, size: 40, values: timeLabels, incrs: STEPS_S },
        {
          ...axis,
          scale: "items",
          size: 54,
          values: wholeNumbers,
        },
        {
          ...axis,
          scale: "rate",
          side: 1,
          size: 46,
          grid: { show: false },
          values: wholeNumbers,
        },
      ],
      series: [
        {},
        { scale: "items", stroke: items, fill: itemsFill, width: 2, points: { show: false } },
        { scale: "rate", stroke: rate, fill: rateFill, width: 1.25, points: { show: false } },
      ],
    };
  }

  /** @param {any} data @param {number} index */
  tip([at, unique, rate], index) {
    if (unique[index] == null) return null;
    return `${format.dateTime(at[index])}\n${format.count(unique[index])} items\n${format.rate(rate[index])} new a minute`;
  }
}

/**
 * @param {any} _plot @param {number[]} splits seconds since 1970 @param {number} _axis @param {number} _space @param {number} step seconds
 * @returns {string[]} times of day, and the day where it changes
 */
function timeLabels(_plot, splits, _axis, _space, step) {
  const days = splits.map(format.day);
  const severalDays = days[0] !== days.at(-1);
  return splits.map((at, index) => {
    if (step >= DAY_S) return days[index];
    const time = step < 60 ? format.clock(at) : format.clock(at).slice(0, 5);
    return severalDays && days[index] !== days[index - 1] ? `${time}\n${days[index]}` : time;
  });
}

customElements.define("topic-chart", TopicChart);
