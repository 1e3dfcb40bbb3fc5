/** The small curves of the overview: loaded one topic after the other, so that a long list stays light. */

import * as api from "./api.js";
import { Series } from "./series.js";

const POINTS = 48;

export class Sparks {
  /** @type {Map<string, Series>} */
  #series = new Map();
  /** @type {string[]} */
  #waiting = [];
  #loading = false;
  #changed;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} id @returns {Series} empty until it is loaded */
  of(id) {
    let series = this.#series.get(id);
    if (!series) {
      series = new Series(POINTS);
      this.#series.set(id, series);
      this.#waiting.push(id);
      this.#load();
    }
    return series;
  }

  /** @param {any} summary of a topic that runs */
  record(summary) {
    this.#series.get(summary.id)?.push(summary.at, summary.unique, summary.started_at);
  }

  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    for (let id = this.#waiting.shift(); id !== undefined; id = this.#waiting.shift()) {
      try {
        this.#series.get(id)?.load(await api.history(id, POINTS));
      } catch (error) {
        if (!(error instanceof api.ApiError)) throw error; // A missing curve is no news: the row says the rest.
      }
      this.#changed();
    }
    this.#loading = false;
  }
}
