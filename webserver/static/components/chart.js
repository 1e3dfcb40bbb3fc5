/** Items over time with the rate of new ones, on uPlot. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { cssColor, themeChanges } from "../theme.js";
import { loadUPlot } from "../uplot.js";

const HEIGHT = 300;
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
class TopicChart extends HTMLElement {
  /** @type {import("../topic_model.js").TopicModel | null} */
  #model = null;
  /** @type {any} */
  #plot = null;
  #UPlot = /** @type {any} */ (null);
  #resized = new ResizeObserver(() => this.#resize());
  #drawn = "";
  /** Nobody sees it further up or down the page. */
  #inSight = true;
  #sight = new IntersectionObserver((entries) => {
    this.#inSight = entries.at(-1)?.isIntersecting ?? true; // the newest of several
    if (this.#inSight) this.#draw();
  });
  #range = "all";
  #summary = { text: "", at: -Infinity };

  /** @param {{model: import("../topic_model.js").TopicModel, revision: string}} shown `revision`: changes when its series does */
  set shown({ model, revision }) {
    if (model !== this.#model) this.#drop();
    this.#model = model;
    if (revision === this.#drawn) return;
    this.#drawn = revision;
    if (this.#inSight) this.#draw();
  }

  async connectedCallback() {
    themeChanges.addEventListener("change", this.#recolor);
    this.#frame();
    this.#resized.observe(this);
    this.#sight.observe(this);
    try {
      this.#UPlot = await loadUPlot();
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message);
      return;
    }
    if (this.isConnected) this.#draw();
  }

  disconnectedCallback() {
    themeChanges.removeEventListener("change", this.#recolor);
    this.#resized.disconnect();
    this.#sight.disconnect();
    this.#drop();
  }

  #recolor = () => {
    this.#drop();
    this.#draw();
  };

  #drop() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #frame() {
    const range = (/** @type {string} */ name, /** @type {string} */ words) =>
      html`<button
        class="segment"
        aria-pressed=${String(this.#range === name)}
        @click=${() => {
          this.#range = name;
          this.#frame();
          this.#draw();
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

  /** @param {string} message in the chart's place; empty: none */
  #say(message) {
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".chart-empty"));
    if (!place) return;
    place.hidden = !message;
    place.textContent = message;
  }

  #draw() {
    const model = this.#model;
    if (!model || !this.#UPlot || !this.isConnected) return;
    const { at, unique, rate } = this.#shownSeries(model);
    this.#say(!model.seriesLoaded ? "Loading…" : at.length < 2 ? "The curve begins with the first items." : "");
    if (at.length < 2) {
      this.#drop();
      return;
    }
    const data = [at, unique, rate];
    if (this.#plot) this.#plot.setData(data);
    else this.#plot = new this.#UPlot(this.#options(), data, this.querySelector(".chart-canvas"));
    this.#summarize(at, unique, rate);
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
    this.#frame();
  }

  #resize() {
    if (this.#plot && this.clientWidth) this.#plot.setSize({ width: this.clientWidth, height: HEIGHT });
  }

  #options() {
    const [text, grid, items, itemsFill, rate, rateFill] = [
      "--muted",
      "--grid",
      "--accent",
      "--accent-wash",
      "--rate",
      "--rate-wash",
    ].map(cssColor);
    const font = `11px ${getComputedStyle(this).fontFamily}`;
    const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const upward = (/** @type {any} */ _plot, /** @type {number} */ _least, /** @type {number} */ most) => [
      0,
      Math.max(1, most * 1.08),
    ];
    return {
      width: this.clientWidth,
      height: HEIGHT,
      padding: [10, 4, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false } },
      scales: { x: { time: true }, items: { range: upward }, rate: { range: upward } },
      axes: [
        { ...axis, space: 74, size: 40, values: timeLabels, incrs: STEPS_S },
        {
          ...axis,
          scale: "items",
          size: 54,
          values: (/** @type {any} */ _plot, /** @type {number[]} */ splits) =>
            splits.map((value) => (Number.isInteger(value) ? format.compact(value) : "")),
        },
        {
          ...axis,
          scale: "rate",
          side: 1,
          size: 46,
          grid: { show: false },
          values: (/** @type {any} */ _plot, /** @type {number[]} */ splits) =>
            splits.map((value) => (Number.isInteger(value) ? format.compact(value) : "")),
        },
      ],
      series: [
        {},
        { scale: "items", stroke: items, fill: itemsFill, width: 2, points: { show: false } },
        { scale: "rate", stroke: rate, fill: rateFill, width: 1.25, points: { show: false } },
      ],
      hooks: { setCursor: [(/** @type {any} */ plot) => this.#tip(plot)] },
    };
  }

  /** What the curve is at the pointer. @param {any} plot */
  #tip(plot) {
    const tip = /** @type {HTMLElement | null} */ (this.querySelector(".chart-tip"));
    if (!tip) return;
    const index = plot.cursor.idx;
    const [at, unique, rate] = plot.data;
    tip.hidden = index == null || plot.cursor.left < 0 || unique[index] == null;
    if (tip.hidden) return;
    tip.textContent = `${format.dateTime(at[index])}\n${format.count(unique[index])} items\n${format.rate(rate[index])} new a minute`;
    const left = plot.cursor.left + plot.over.offsetLeft;
    const flipped = left > this.clientWidth - tip.offsetWidth - 24;
    tip.style.translate = `${flipped ? left - tip.offsetWidth - 12 : left + 12}px 14px`;
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
