/** Short messages that answer a person's act: done, or why not. */

const GOOD_NEWS_MS = 5_000;
const BAD_NEWS_MS = 20_000;
const MOST = 3;

export class Notices {
  /** @type {{number: number, kind: "done" | "error", text: string}[]} */
  list = [];
  #number = 0;
  #changed;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {"done" | "error"} kind @param {string} text */
  add(kind, text) {
    const number = (this.#number += 1);
    this.list = [...this.list.filter((notice) => notice.text !== text), { number, kind, text }].slice(-MOST);
    this.#changed();
    setTimeout(() => this.dismiss(number), kind === "done" ? GOOD_NEWS_MS : BAD_NEWS_MS);
  }

  /** @param {number} number */
  dismiss(number) {
    this.list = this.list.filter((notice) => notice.number !== number);
    this.#changed();
  }
}
