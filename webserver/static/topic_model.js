/** Everything the page knows of the topic that it shows: loaded once, then kept up to date by the live channel. */

import * as api from "./api.js";
import { Series } from "./series.js";

const NEWEST_KEPT = 50;
const EVENTS_KEPT = 500;
const EVENTS_AT_ONCE = 200;
const CHART_POINTS = 600;

/**
 * Dispatches `change` (something to render), `items` (CustomEvent, `detail`: new items, oldest first) and `reset` (all
 * of it is new).
 */
export class TopicModel extends EventTarget {
  /** @type {any} a TopicView, null until it is loaded */
  view = null;
  /** @type {any} a DiscoveryView; null where there is none: at the beginning, or of a folder that does not tell */
  discovery = null;
  /** @type {import("./api.js").ApiError | null} why there is none */
  error = null;
  /** @type {any[]} TopicEvents, oldest first */
  events = [];
  eventsLoaded = false;
  /** Whether older events may exist that are not loaded. */
  moreEvents = false;
  /** @type {any[]} FoundItems, newest first */
  newest = [];
  newestLoaded = false;
  series = new Series(CHART_POINTS);
  seriesLoaded = false;
  #live;
  #closing = new AbortController();

  /** @param {string} id @param {import("./live.js").Live} live */
  constructor(id, live) {
    super();
    this.id = id;
    this.#live = live;
  }

  async open() {
    const { signal } = this.#closing;
    const attempt = async (/** @type {Promise<any>} */ request, /** @type {(answer: any) => void} */ take) => {
      try {
        const answer = await request;
        if (!signal.aborted) take(answer);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof api.ApiError)) throw error;
        if (!this.view) this.error = error;
      }
      this.#changed();
    };
    await Promise.all([
      attempt(api.topic(this.id, signal), (view) => this.#takeView(view)),
      attempt(api.items(this.id, { limit: NEWEST_KEPT, sort: "time", order: "desc" }, signal), (answer) => {
        this.newest = answer.items;
        this.newestLoaded = true;
        this.dispatchEvent(new Event("reset"));
      }),
      attempt(api.events(this.id, { limit: EVENTS_AT_ONCE }, signal), (answer) => {
        this.events = answer.events;
        this.moreEvents = answer.events.length === EVENTS_AT_ONCE;
        this.eventsLoaded = true;
      }),
    ]);
    if (signal.aborted) return;
    this.#live.watch(this.id, this.newest[0]?.id ?? 0, this.events.at(-1)?.seq ?? 0);
    await attempt(api.history(this.id, CHART_POINTS, signal), (answer) => {
      this.series.load(answer);
      this.seriesLoaded = true;
      if (this.view) this.#record(this.view);
    });
  }

  close() {
    this.#closing.abort();
  }

  /** Load all of it again: after a gap, or when its files are others. */
  async reload() {
    this.#closing.abort();
    this.#closing = new AbortController();
    this.error = null;
    await this.open();
  }

  /** @param {any} view a whole TopicView */
  takeView(view) {
    if (view.id !== this.id) return;
    this.#takeView(view);
    this.#changed();
  }

  /** @param {{id: string, discovery: any}} message */
  takeDiscovery({ id, discovery }) {
    if (id !== this.id) return;
    this.discovery = discovery;
    this.#changed();
  }

  /** @param {any} summary a TopicView without providers, producers, settings and discovery */
  takeSummary(summary) {
    if (!this.view || summary.id !== this.id || summary.at < this.view.at) return;
    const { providers, producers, settings } = this.view;
    this.#takeView({ ...summary, providers, producers, settings });
    this.#changed();
  }

  /** @param {{id: string, items: any[], events: any[], gap: boolean}} news */
  takeNews(news) {
    if (news.id !== this.id) return;
    const last = this.newest[0]?.id ?? 0;
    const lastSeq = this.events.at(-1)?.seq ?? 0;
    // Numbers that went back: it was started anew, in an empty folder.
    if (news.gap && ((news.items.at(-1)?.id ?? Infinity) <= last || (news.events.at(-1)?.seq ?? Infinity) <= lastSeq)) {
      this.reload();
      return;
    }
    // Items may be left out when they come faster than one can see: only the newest are shown anyway. Events are not.
    if ((news.events[0]?.seq ?? 0) > lastSeq + 1) this.#reloadEvents();
    const items = news.items.filter((item) => item.id > last);
    if (items.length) {
      this.newest = [...items.slice(-NEWEST_KEPT).reverse(), ...this.newest].slice(0, NEWEST_KEPT);
      this.dispatchEvent(new CustomEvent("items", { detail: items }));
    }
    const events = news.events.filter((event) => event.seq > lastSeq);
    if (events.length) {
      this.events.push(...events);
      if (this.events.length > EVENTS_KEPT) {
        this.events.splice(0, this.events.length - EVENTS_KEPT);
        this.moreEvents = true;
      }
    }
    if (events.length) this.#changed();
  }

  async #reloadEvents() {
    const { signal } = this.#closing;
    try {
      const { events } = await api.events(this.id, { limit: EVENTS_AT_ONCE }, signal);
      if (signal.aborted || (events.at(-1)?.seq ?? 0) < (this.events.at(-1)?.seq ?? 0)) return;
      this.events = events;
      this.moreEvents = events.length === EVENTS_AT_ONCE;
      this.#changed();
    } catch (error) {
      if (!signal.aborted && !(error instanceof api.ApiError)) throw error;
    }
  }

  /** @throws {import("./api.js").ApiError} */
  async loadEarlierEvents() {
    const before = this.events[0]?.seq;
    if (before === undefined) return;
    const { events } = await api.events(this.id, { before, limit: EVENTS_AT_ONCE }, this.#closing.signal);
    this.events = [...events, ...this.events];
    this.moreEvents = events.length === EVENTS_AT_ONCE;
    this.#changed();
  }

  /** @param {any} view */
  #takeView(view) {
    // Fewer items than before, in a run that began later: it was started anew, in an empty folder.
    const anew = this.view && view.unique < this.view.unique && view.started_at !== this.view.started_at;
    this.view = view;
    this.discovery = view.discovery ?? this.discovery; // live, it comes in messages of its own
    this.error = null;
    if (anew) {
      this.discovery = null;
      this.reload();
      return;
    }
    if (this.seriesLoaded) this.#record(view);
  }

  /** @param {any} view */
  #record(view) {
    if (view.state === "running" || view.state === "stopping")
      this.series.push(view.at, view.unique, view.started_at);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
