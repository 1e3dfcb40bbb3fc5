/** Tells screen readers how it goes, as a summary now and then: a flood of numbers would make the page unusable. */

const SPACING_S = 10;

export class Announcer {
  text = "";
  #subject = "";
  #last_s = -Infinity;

  /** @param {string} subject a new one starts the waiting anew @param {string} text @returns {string} what is to be said now */
  say(subject, text) {
    const now = performance.now() / 1000;
    if (subject !== this.#subject) {
      this.#subject = subject;
      this.#last_s = now;
      this.text = "";
    } else if (text !== this.text && now - this.#last_s >= SPACING_S) {
      this.#last_s = now;
      this.text = text;
    }
    return this.text;
  }
}
