/** Items against responses: how the search went, and how it is expected to go on, with its band; on uPlot. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { cssColor, themeChanges } from "../theme.js";
import { loadUPlot } from "../uplot.js";

const HEIGHT = 300;
const TABLE_ROWS = 8;

class DiscoveryChart extends HTMLElement {
  /** @type {any} a DiscoveryView */
  #discovery = null;
  /** @type {any} */
  #plot = null;
  #UPlot = /** @type {any} */ (null);
  #resized = new ResizeObserver(() => this.#resize());
  #inSight = true;
  #sight = new IntersectionObserver((entries) => {
    this.#inSight = entries.at(-1)?.isIntersecting ?? true; // the newest of several
    if (this.#inSight) this.#draw();
  });

  /** @param {any} discovery a DiscoveryView, or null */
  set discovery(discovery) {
    if (discovery === this.#discovery) return;
    this.#discovery = discovery;
    if (!this.isConnected) return;
    this.#frame();
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
    const words = summary(this.#discovery);
    render(
      html`<div class="panel-head chart-head">
          <h2>Discovery</h2>
          <ul class="legend">
            <li><span class="swatch items" aria-hidden="true"></span>Found</li>
            <li><span class="swatch ahead" aria-hidden="true"></span>If it goes on so, 90 % band</li>
            <li><span class="swatch afresh" aria-hidden="true"></span>If asked afresh</li>
          </ul>
        </div>
        <div
          class="chart-area"
          data-testid="discovery-chart"
          role="img"
          aria-label="Chart: distinct items against responses, with the forecast. ${words}"
        >
          <div class="chart-canvas"></div>
          <p class="chart-empty" hidden></p>
          <div class="chart-tip" hidden></div>
        </div>
        <p class="note discovery-words" data-testid="discovery-words">${words}</p>
        <details class="discovery-figures" data-testid="discovery-figures">
          <summary>Figures</summary>
          ${figuresTable(this.#discovery)}
        </details>`,
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
    if (!this.#UPlot || !this.isConnected) return;
    const data = aligned(this.#discovery);
    this.#say(data[0].length < 2 ? "The curve begins with the first responses." : "");
    if (data[0].length < 2) {
      this.#drop();
      return;
    }
    if (this.#plot) this.#plot.setData(data);
    else this.#plot = new this.#UPlot(this.#options(), data, this.querySelector(".chart-canvas"));
  }

  #resize() {
    if (this.#plot && this.clientWidth) this.#plot.setSize({ width: this.clientWidth, height: HEIGHT });
  }

  #options() {
    const [text, grid, items, itemsFill, band, afresh] = [
      "--muted",
      "--grid",
      "--accent",
      "--accent-wash",
      "--band",
      "--rate",
    ].map(cssColor);
    const font = `11px ${getComputedStyle(this).fontFamily}`;
    const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const whole = (/** @type {any} */ _plot, /** @type {number[]} */ splits) =>
      splits.map((value) => (Number.isInteger(value) ? format.compact(value) : ""));
    const line = { points: { show: false }, spanGaps: false };
    return {
      width: this.clientWidth,
      height: HEIGHT,
      padding: [10, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false } },
      scales: {
        x: { time: false },
        y: {
          range: (/** @type {any} */ _plot, /** @type {number} */ _least, /** @type {number} */ most) => [
            0,
            Math.max(1, most * 1.06),
          ],
        },
      },
      axes: [
        { ...axis, space: 60, size: 30, values: whole },
        { ...axis, size: 54, values: whole },
      ],
      series: [
        {},
        { ...line, stroke: items, fill: itemsFill, width: 2 },
        { ...line, stroke: items, width: 2, dash: [6, 5] },
        { ...line, stroke: band, width: 1 },
        { ...line, stroke: band, width: 1 },
        { ...line, stroke: afresh, width: 1.25, dash: [2, 4] },
      ],
      bands: [{ series: [4, 3], fill: band }],
      hooks: { setCursor: [(/** @type {any} */ plot) => this.#tip(plot)] },
    };
  }

  /** What the curve is at the pointer. @param {any} plot */
  #tip(plot) {
    const tip = /** @type {HTMLElement | null} */ (this.querySelector(".chart-tip"));
    if (!tip) return;
    const index = plot.cursor.idx;
    tip.hidden = index == null || plot.cursor.left < 0;
    if (tip.hidden) return;
    const [responses, found, ahead, low, high, afresh] = plot.data.map((/** @type {any[]} */ values) => values[index]);
    const lines =
      found == null
        ? [`about ${format.count(ahead)} items`, span(low, high), `${format.count(afresh)} if asked afresh`]
        : [`${format.count(found)} items`];
    tip.textContent = [format.plural(responses, "response"), ...lines].join("\n");
    const left = plot.cursor.left + plot.over.offsetLeft;
    const flipped = left > this.clientWidth - tip.offsetWidth - 24;
    tip.style.translate = `${flipped ? left - tip.offsetWidth - 12 : left + 12}px 14px`;
  }
}

/**
 * @param {any} discovery
 * @returns {(number | null)[][]} responses; items found, forecast, its band's ends, and afresh: null where there are none
 */
function aligned(discovery) {
  /** @type {any[]} */
  const curve = discovery?.curve ?? [];
  /** @type {any[]} */
  const forecast = discovery?.forecast ?? [];
  // The forecast begins where the curve ends.
  const from = forecast.length ? curve.length - 1 : curve.length;
  const before = (/** @type {boolean} */ found) =>
    curve.map(({ items }, index) => (found || index === from ? items : null));
  const after = (/** @type {string} */ name) => forecast.map((point) => point[name]);
  return [
    [...curve, ...forecast].map(({ responses }) => responses),
    [...before(true), ...forecast.map(() => null)],
    ...["items", "low", "high", "afresh"].map((name) => [...before(false), ...after(name)]),
  ];
}

/** @param {number} low @param {number} high */
const span = (low, high) => `${format.count(low)} to ${format.count(high)}`;

/** @param {any} discovery @returns {string} the picture in a sentence */
function summary(discovery) {
  const now = discovery?.curve.at(-1);
  if (!now) return "Nothing has come yet.";
  const last = discovery.forecast.at(-1);
  const found = `${format.plural(now.items, "item")} after ${format.plural(now.responses, "response")}.`;
  if (!last) return `${found} A forecast needs ten responses, two of them asked afresh.`;
  return (
    `${found} After ${format.count(last.responses - now.responses)} more: about ${format.count(last.items)} ` +
    `(${span(last.low, last.high)}) if it goes on as it did, ${format.count(last.afresh)} if all of them ask afresh.`
  );
}

/** Some of the points as text. @param {any} discovery */
function figuresTable(discovery) {
  const some = (/** @type {any[]} */ points) => {
    const step = Math.max(1, Math.ceil(points.length / TABLE_ROWS));
    return points.filter((_, index) => (points.length - 1 - index) % step === 0);
  };
  return html`<table class="table" role="table">
    <thead>
      <tr>
        <th scope="col" class="number">Responses</th>
        <th scope="col" class="number">Items</th>
        <th scope="col" class="number">90 % band</th>
        <th scope="col" class="number">If asked afresh</th>
      </tr>
    </thead>
    <tbody>
      ${some(discovery?.curve ?? []).map(
        ({ responses, items }) =>
          html`<tr>
            <th scope="row" class="number">${format.count(responses)}</th>
            <td class="number">${format.count(items)}</td>
            <td class="number quiet">found</td>
            <td></td>
          </tr>`,
      )}
      ${some(discovery?.forecast ?? []).map(
        ({ responses, items, low, high, afresh }) =>
          html`<tr>
            <th scope="row" class="number">${format.count(responses)}</th>
            <td class="number">${format.count(items)}</td>
            <td class="number">${span(low, high)}</td>
            <td class="number">${format.count(afresh)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

customElements.define("discovery-chart", DiscoveryChart);
