/** The live channel: one WebSocket, which heals by itself and resumes where it was cut. */

const FIRST_DELAY_S = 0.5;
const LONGEST_DELAY_S = 10;
/** The service pings every 15 s; a channel silent for longer than this is dead, whatever TCP thinks. */
const LONGEST_SILENCE_S = 40;

/** @param {number} attempt from 0 @returns {number} seconds to wait before it, with jitter against stampedes */
export function backOff(attempt) {
  const ceiling = Math.min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** Math.min(attempt, 10));
  return ceiling * (0.6 + 0.4 * Math.random());
}

/**
 * Dispatches `status` when `status` changes, and each message of the service by its type (`hello`, `topics`, `view`,
 * `news`) as a CustomEvent whose `detail` is the message.
 */
export class Live extends EventTarget {
  /** @type {"idle" | "connecting" | "open" | "lost"} */
  status = "idle";
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {{watch: string | null, items_after: number | null, events_after: number | null}} */
  #watched = { watch: null, items_after: null, events_after: null };
  #attempt = 0;
  #retryTimer = 0;
  #silenceTimer = 0;

  start() {
    if (this.status !== "idle") return;
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retryNow();
    });
    this.#connect();
  }

  /** Try at once, where a try is waiting. */
  retryNow() {
    if (this.status === "lost" && this.#socket === null) this.#connect();
  }

  /**
   * Ask for one topic's details from here on; `null`: of none.
   * @param {string | null} id @param {number | null} itemsAfter last item's id @param {number | null} eventsAfter last event's seq
   */
  watch(id, itemsAfter = null, eventsAfter = null) {
    this.#watched = { watch: id, items_after: itemsAfter, events_after: eventsAfter };
    if (this.status === "open") this.#sendWatch();
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    if (this.status === "idle") this.#setStatus("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.#socket = socket;
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(String(event.data));
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lose();
    };
    this.#expectSound();
  }

  #lose() {
    clearTimeout(this.#silenceTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#setStatus("lost");
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), backOff(this.#attempt) * 1000);
    this.#attempt += 1;
  }

  #expectSound() {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#lose(), LONGEST_SILENCE_S * 1000);
  }

  /** @param {string} text */
  #receive(text) {
    this.#expectSound();
    const message = JSON.parse(text);
    if (message.type === "hello") {
      this.#attempt = 0;
      this.#setStatus("open");
      if (this.#watched.watch !== null) this.#sendWatch();
    } else if (message.type === "news" && message.id === this.#watched.watch) {
      this.#remember(message);
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }

  /** Where to resume. @param {{items: {id: number}[], events: {seq: number}[]}} news */
  #remember(news) {
    const item = news.items.at(-1);
    const event = news.events.at(-1);
    if (item) this.#watched.items_after = item.id;
    if (event) this.#watched.events_after = event.seq;
  }

  #sendWatch() {
    this.#socket?.send(JSON.stringify(this.#watched));
  }

  /** @param {"connecting" | "open" | "lost"} status */
  #setStatus(status) {
    if (status === this.status) return;
    this.status = status;
    this.dispatchEvent(new Event("status"));
  }
}
