/** A long list's rows as they are needed: fetched around what is seen, forgotten when far away, never out of date. */

import * as api from "./api.js";

const PAGE = 100;
/** Rows fetched before they are seen, on both sides. */
const AHEAD = 50;
/** While the list flies by, only what it rests on is fetched. */
const FLYING_MS = 60;
/** Rows kept; far ones are dropped beyond this. */
const KEPT = 4000;

/** @typedef {{search: string, sort: "time" | "count" | "provider", order: "asc" | "desc"}} ItemQuery */

/** Dispatches `change` when rows, the total or `error` changed. */
export class ItemPages extends EventTarget {
  /** Rows in this list, as they were when it was begun; null while that is not known. */
  total = /** @type {number | null} */ (null);
  /** Why rows are missing; empty when none are. */
  error = "";
  /** @type {Map<number, any>} */
  #rows = new Map();
  /** @type {Map<number, AbortController>} open requests by page */
  #open = new Map();
  #id;
  /** What is listed. */
  query;
  /** Matches that were added since, before the first row: the service's offsets are shifted by so many. */
  #shift = 0;
  /** Rows in sight. */
  #wanted = [0, 0];
  #wantedAt = -Infinity;
  #flight = 0;

  /** @param {string} id the topic's @param {ItemQuery} query */
  constructor(id, query) {
    super();
    this.#id = id;
    this.query = query;
  }

  /** @param {number} index @returns {any} undefined while it is not loaded */
  row(index) {
    return this.#rows.get(index);
  }

  /** Rows `first` up to `last` are in sight: what is missing is fetched, requests for what is out of sight are given up. @param {number} first @param {number} last */
  want(first, last) {
    const [before] = this.#wanted;
    this.#wanted = [first, last];
    clearTimeout(this.#flight);
    const far = Math.abs(first - before) > (last - first) / 2;
    if (far && performance.now() - this.#wantedAt < FLYING_MS)
      this.#flight = setTimeout(() => this.#fetchWanted(), FLYING_MS);
    else this.#fetchWanted();
    this.#wantedAt = performance.now();
  }

  #fetchWanted() {
    const [first, last] = this.#wanted;
    const from = Math.floor(Math.max(0, first - AHEAD) / PAGE);
    const to = Math.floor(Math.max(0, this.total === null ? 0 : Math.min(last + AHEAD, this.total - 1)) / PAGE);
    for (const [page, request] of this.#open) {
      if (page < from - 1 || page > to + 1) {
        request.abort();
        this.#open.delete(page);
      }
    }
    for (let page = from; page <= to; page += 1) if (!this.#open.has(page) && this.#missing(page)) this.#fetch(page);
    if (this.#rows.size > KEPT) {
      for (const index of this.#rows.keys())
        if (index < first - KEPT / 4 || index > last + KEPT / 4) this.#rows.delete(index);
    }
  }

  close() {
    clearTimeout(this.#flight);
    for (const request of this.#open.values()) request.abort();
    this.#open.clear();
  }

  /** @param {number} page */
  #missing(page) {
    if (this.total === null) return true;
    for (let index = page * PAGE; index < Math.min((page + 1) * PAGE, this.total); index += 1)
      if (!this.#rows.has(index)) return true;
    return false;
  }

  /** @param {number} page */
  async #fetch(page) {
    const request = new AbortController();
    this.#open.set(page, request);
    try {
      const answer = await api.items(
        this.#id,
        { offset: page * PAGE + this.#shift, limit: PAGE, ...this.query },
        request.signal,
      );
      this.error = "";
      this.#take(page, answer);
    } catch (error) {
      if (request.signal.aborted) return;
      if (!(error instanceof api.ApiError)) throw error;
      this.error = error.message;
    } finally {
      if (this.#open.get(page) === request) this.#open.delete(page);
    }
    this.dispatchEvent(new Event("change"));
  }

  /** @param {number} page @param {{total: number, offset: number, items: any[]}} answer */
  #take(page, answer) {
    this.total ??= answer.total;
    if (this.query.sort === "time" && this.query.order === "desc") this.#shift = Math.max(0, answer.total - this.total);
    const first = answer.offset - this.#shift;
    answer.items.forEach((item, index) => {
      if (first + index >= 0 && first + index < /** @type {number} */ (this.total)) this.#rows.set(first + index, item);
    });
    // Where the list has become shorter, or rows are not there: as blank rows, or they would be asked for without end.
    const end = Math.min((page + 1) * PAGE, this.total);
    if (answer.items.length < PAGE)
      for (let index = Math.max(0, first + answer.items.length); index < end; index += 1)
        if (!this.#rows.has(index)) this.#rows.set(index, null);
  }
}
