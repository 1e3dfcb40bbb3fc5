/** A topic's discovery over time: from the history on disk, continued by what comes live. */

/** A rate is a mean over so long: single buckets of few items would only show their rounding. */
const RATE_WINDOW_S = 30;

export class Series {
  /** Times (s since 1970), unique items, new items a minute; both null in a gap. */
  at = /** @type {number[]} */ ([]);
  unique = /** @type {(number | null)[]} */ ([]);
  rate = /** @type {(number | null)[]} */ ([]);
  /** Seconds for each point. */
  width_s = 1;
  #points;

  /** @param {number} points about how many are kept */
  constructor(points) {
    this.#points = points;
  }

  get length() {
    return this.at.length;
  }

  /** @param {{buckets: {at: number, unique: number, new: number}[], bucket_s: number}} history */
  load({ buckets, bucket_s }) {
    this.at = [];
    this.unique = [];
    this.rate = [];
    this.width_s = Math.max(1, bucket_s);
    const most = Math.max(1, Math.round(RATE_WINDOW_S / bucket_s));
    /** @type {number[]} new items of the run's last buckets */
    let window = [];
    let end = -Infinity;
    for (const bucket of buckets) {
      // Time in which no run was has no buckets.
      if (bucket.at - end > bucket_s / 2) {
        this.#begin(bucket.at, bucket.unique - bucket.new);
        window = [];
      }
      end = bucket.at + bucket_s;
      window = [...window, bucket.new].slice(-most);
      const found = window.reduce((sum, number) => sum + number, 0);
      this.#point(end, bucket.unique, (found / (window.length * bucket_s)) * 60);
    }
    // The last bucket is not over while its run goes on: what comes live takes its place.
    if (this.at.length > 1 && end > Date.now() / 1000)
      [this.at, this.unique, this.rate].forEach((values) => values.pop());
  }

  /** @param {number} at @param {number} unique @param {number | null} began when its run began */
  push(at, unique, began) {
    const last = this.at.at(-1);
    if (last !== undefined && at < last) return;
    const rate = this.#rate(at, unique);
    if (last !== undefined && at - last < this.width_s && this.unique.at(-1) !== null) {
      this.unique[this.unique.length - 1] = unique;
      this.rate[this.rate.length - 1] = rate;
      return;
    }
    if (last === undefined || (began !== null && last < began)) this.#begin(Math.min(began ?? at, at), unique);
    this.#point(at, unique, rate);
    if (this.at.length > 2 * this.#points) this.#thin();
  }

  /** New items a minute, a mean as in the history, within one run. @param {number} at @param {number} unique */
  #rate(at, unique) {
    let from = this.at.length - 1;
    while (from > 0 && this.unique[from - 1] !== null && this.at[from] > at - RATE_WINDOW_S) from -= 1;
    const before = this.unique[from];
    const took_s = at - this.at[from];
    if (before === undefined || before === null) return 0;
    return took_s < 1 ? (this.rate[from] ?? 0) : ((unique - before) / took_s) * 60;
  }

  /** A run begins: a gap to the one before. @param {number} at @param {number} unique */
  #begin(at, unique) {
    const last = this.at.at(-1);
    if (last !== undefined) this.#point((last + at) / 2, null, null);
    this.#point(at, unique, 0);
  }

  /** @param {number} at @param {number | null} unique @param {number | null} rate */
  #point(at, unique, rate) {
    this.at.push(at);
    this.unique.push(unique);
    this.rate.push(rate);
  }

  /** Two points become one, gaps stay. */
  #thin() {
    const { at, unique, rate } = this;
    const kept = at.map((_, index) => index).filter((index) => index % 2 === 0 || unique[index] === null);
    this.at = kept.map((index) => at[index]);
    this.unique = kept.map((index) => unique[index]);
    this.rate = kept.map((index) => rate[index]);
    this.width_s *= 2;
  }
}
