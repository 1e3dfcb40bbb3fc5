/** What the charts share: uPlot's life in an element, its colours, its place for words, and the tip at the pointer. */

import * as format from "../format.js";
import { cssColor, themeChanges } from "../theme.js";
import { loadUPlot } from "../uplot.js";

export const HEIGHT = 300;

/** A chart. It says how its `frame`, `draw` and `options` look; its frame has `.chart-canvas`, `.chart-empty`, `.chart-tip`. */
export class PlotElement extends HTMLElement {
  /** Nobody sees it further up or down the page. */
  inSight = true;
  /** @type {any} */
  #plot = null;
  #UPlot = /** @type {any} */ (null);
  #resized = new ResizeObserver(() => this.#resize());
  #sight = new IntersectionObserver((entries) => {
    this.inSight = entries.at(-1)?.isIntersecting ?? true; // the newest of several
    if (this.inSight) this.draw();
  });

  /** Draw what stands around the plot. */
  frame() {}

  /** Draw the plot, by `show`. */
  draw() {}

  /** @returns {any} uPlot's options but for size, cursor, legend and hooks */
  options() {}

  /** @param {any} _data of the plot @param {number} _index at the pointer @returns {string | null} what the tip says; null: nothing */
  tip(_data, _index) {
    return null;
  }

  async connectedCallback() {
    themeChanges.addEventListener("change", this.#recolor);
    this.frame();
    this.#resized.observe(this);
    this.#sight.observe(this);
    try {
      this.#UPlot = await loadUPlot();
    } catch (error) {
      this.say(/** @type {Error} */ (error).message);
      return;
    }
    if (this.isConnected) this.draw();
  }

  disconnectedCallback() {
    themeChanges.removeEventListener("change", this.#recolor);
    this.#resized.disconnect();
    this.#sight.disconnect();
    this.drop();
  }

  /** Whether `show` can draw. */
  get ready() {
    return Boolean(this.#UPlot) && this.isConnected;
  }

  /** @param {any[]} data uPlot's columns; fewer than two rows are no picture @param {string} empty said where they are not */
  show(data, empty) {
    this.say(data[0].length < 2 ? empty : "");
    if (data[0].length < 2) this.drop();
    else if (this.#plot) this.#plot.setData(data);
    else this.#plot = new this.#UPlot(this.#allOptions(), data, this.querySelector(".chart-canvas"));
  }

  /** Draw anew next time. */
  drop() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** @param {string} message in the chart's place; empty: none */
  say(message) {
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".chart-empty"));
    if (!place) return;
    place.hidden = !message;
    place.textContent = message;
  }

  /** An axis' usual look. */
  axis() {
    const [text, grid] = ["--muted", "--grid"].map(cssColor);
    const font = `11px ${getComputedStyle(this).fontFamily}`;
    return { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  }

  #recolor = () => {
    this.drop();
    this.draw();
  };

  #resize() {
    if (this.#plot && this.clientWidth) this.#plot.setSize({ width: this.clientWidth, height: HEIGHT });
  }

  #allOptions() {
    return {
      width: this.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false } },
      hooks: { setCursor: [(/** @type {any} */ plot) => this.#placeTip(plot)] },
      ...this.options(),
    };
  }

  /** What the curve is at the pointer. @param {any} plot */
  #placeTip(plot) {
    const tip = /** @type {HTMLElement | null} */ (this.querySelector(".chart-tip"));
    if (!tip) return;
    const index = plot.cursor.idx;
    const words = index == null || plot.cursor.left < 0 ? null : this.tip(plot.data, index);
    tip.hidden = words === null;
    if (words === null) return;
    tip.textContent = words;
    const left = plot.cursor.left + plot.over.offsetLeft;
    const flipped = left > this.clientWidth - tip.offsetWidth - 24;
    tip.style.translate = `${flipped ? left - tip.offsetWidth - 12 : left + 12}px 14px`;
  }
}

/** Labels of whole numbers only. @param {any} _plot @param {number[]} splits */
export const wholeNumbers = (_plot, splits) =>
  splits.map((value) => (Number.isInteger(value) ? format.compact(value) : ""));

/** A scale from 0 to a little above the highest. @param {any} _plot @param {number} _least @param {number} most */
export const upward = (_plot, _least, most) => [0, Math.max(1, most * 1.08)];
