/** What a person can ask of a topic, one request of a kind at a time, with an answer that is seen. */

import * as api from "./api.js";

export class Steering {
  /** @type {Set<string>} */
  #open = new Set();
  #notices;
  #changed;

  /** @param {import("./notices.js").Notices} notices @param {() => void} changed */
  constructor(notices, changed) {
    this.#notices = notices;
    this.#changed = changed;
  }

  /** @param {string} id @param {string} what @returns {boolean} whether the answer to this is awaited */
  busy(id, what) {
    return this.#open.has(`${what} ${id}`);
  }

  /** @param {string} id */
  pause = (id) => this.#ask(id, "pause", () => api.pause(id), "Paused. Open responses are finished.");
  /** @param {string} id */
  unpause = (id) => this.#ask(id, "pause", () => api.unpause(id), "It goes on.");
  /** @param {string} id @param {boolean} now */
  stop = (id, now) =>
    this.#ask(id, "stop", () => api.stop(id, now), now ? "Stopped." : "It stops when its open responses are finished.");
  /** @param {string} id @param {Record<string, unknown>} [options] */
  continueTopic = (id, options = {}) =>
    this.#ask(id, "continue", () => api.continueTopic(id, options), "It continues.");

  /**
   * Change settings while it runs.
   * @param {string} id @param {Record<string, unknown>} changes @param {string} done
   * @returns {Promise<boolean>}
   */
  change(id, changes, done) {
    return this.#ask(id, `change ${Object.keys(changes).join()}`, () => api.change(id, changes), done);
  }

  /** @param {string} id @param {string} what @param {() => Promise<unknown>} request @param {string} done @returns {Promise<boolean>} */
  async #ask(id, what, request, done) {
    const key = `${what} ${id}`;
    if (this.#open.has(key)) return false;
    this.#open.add(key);
    this.#changed();
    try {
      await request();
      this.#notices.add("done", done);
      return true;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      this.#notices.add("error", error.message);
      return false;
    } finally {
      this.#open.delete(key);
      this.#changed();
    }
  }
}
