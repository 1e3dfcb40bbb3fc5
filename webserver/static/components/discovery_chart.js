/** Items against responses: how the search went, and how it is expected to go on, with its band; on uPlot. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { cssColor } from "../theme.js";
import { PlotElement, upward, wholeNumbers } from "./plot_element.js";

const TABLE_ROWS = 8;

class DiscoveryChart extends PlotElement {
  /** @type {any} a DiscoveryView */
  #discovery = null;

  /** @param {any} discovery a DiscoveryView, or null */
  set discovery(discovery) {
    if (discovery === this.#discovery) return;
    this.#discovery = discovery;
    if (!this.isConnected) return;
    this.frame();
    if (this.inSight) this.draw();
  }

  frame() {
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

  draw() {
    if (this.ready) this.show(aligned(this.#discovery), "The curve begins with the first responses.");
  }

  options() {
    const [items, itemsFill, band, afresh] = ["--accent", "--accent-wash", "--band", "--rate"].map(cssColor);
    const axis = this.axis();
    const line = { points: { show: false }, spanGaps: false };
    return {
      padding: [10, 12, 0, 0],
      scales: { x: { time: false }, y: { range: upward } },
      axes: [
        { ...axis, space: 60, size: 30, values: wholeNumbers },
        { ...axis, size: 54, values: wholeNumbers },
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
    };
  }

  /** @param {any} data @param {number} index */
  tip(data, index) {
    const [responses, found, ahead, low, high, afresh] = data.map((/** @type {any[]} */ values) => values[index]);
    const lines =
      found == null
        ? [`about ${format.count(ahead)} items`, span(low, high), `${format.count(afresh)} if asked afresh`]
        : [`${format.count(found)} items`];
    return [format.plural(responses, "response"), ...lines].join("\n");
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
