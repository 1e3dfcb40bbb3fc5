/** Puts the page together: address, live channel, what is known, what is shown. */

import { html, render } from "./vendor/lit-html/lit-html.js";
import * as api from "./api.js";
import { Announcer } from "./announcer.js";
import { openShortcuts, shell } from "./components/shell.js";
import * as format from "./format.js";
import { frames } from "./frames.js";
import { Live } from "./live.js";
import { Notices } from "./notices.js";
import { startRouter, routeOf } from "./router.js";
import { startShortcuts } from "./shortcuts.js";
import { Sparks } from "./sparks.js";
import { isLive, STATE_WORDS } from "./states.js";
import { Steering } from "./steering.js";
import { shortened } from "./text.js";
import { TopicModel } from "./topic_model.js";
import { tokenView } from "./views/token.js";
import { topicsView } from "./views/topics.js";

/** Views are rendered from this; what changes it calls `changed`. */
export class Page {
  /** Render soon; `true`: at once, for an answer to a person's act. */
  changed = frames(() => this.#render());
  live = new Live();
  notices = new Notices(() => this.changed(true));
  steering = new Steering(this.notices, () => this.changed(true));
  sparks = new Sparks(() => this.changed());
  /** @type {any} as of the API, null until it is loaded */
  service = null;
  /** @type {Map<string, any> | null} summaries by id, null until they are there */
  topics = null;
  /** Why the topics are not there. */
  problem = "";
  /** @type {TopicModel | null} the topic that is shown */
  model = null;
  announcement = "";
  /** Whether the live channel was ever there: only then it can be lost. */
  hadConnection = false;
  /** @type {(path: string) => void} */
  go;
  /** @type {typeof import("./views/topic.js").topicView | null} loaded with the first topic */
  #topicView = null;
  #route = routeOf(location.pathname);
  #announcer = new Announcer();
  #token = { needed: false, error: "", busy: false };
  /** The next list of topics is a whole one. */
  #whole = true;
  /** What had the focus when a person went elsewhere, until what they went to is there. @type {Element | null} */
  #leftFrom = null;

  constructor() {
    this.go = startRouter((route) => {
      this.#route = route;
      this.#arrive(true);
    });
    api.sessionEvents.addEventListener("unauthorized", () => this.#needToken());
    this.#listen();
    startShortcuts({
      "/": () =>
        /** @type {HTMLElement | null} */ (document.querySelector("[data-testid=search], .start-topic"))?.focus(),
      "?": openShortcuts,
      t: () => this.go("/"),
    });
    // Times such as "4 min ago" go on when nothing else happens.
    setInterval(() => this.changed(), 5_000);
  }

  async open() {
    this.changed(true);
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token !== null) {
      // Out of the address bar and the history before anything else.
      history.replaceState(null, "", location.pathname);
      await this.#openSession(token);
    } else {
      await this.#begin();
    }
  }

  async loadTopics() {
    this.problem = "";
    this.changed(true);
    try {
      const { topics } = await api.topics();
      this.#takeTopics(topics, true);
    } catch (error) {
      this.problem = message(error);
    }
    this.changed(true);
  }

  /** The service's description first: it also tells whether a token is needed. */
  async #begin() {
    try {
      this.service = await api.service();
    } catch (error) {
      if (error instanceof api.ApiError && error.status === 401) return;
      this.problem = message(error);
    }
    this.live.start();
    this.#arrive(false);
  }

  /** @param {string} token */
  async #openSession(token) {
    this.#token.busy = true;
    this.changed(true);
    try {
      await api.openSession(token);
      this.#token = { needed: false, error: "", busy: false };
    } catch (error) {
      this.#token = { needed: true, error: message(error), busy: false };
      this.changed(true);
      return;
    }
    await this.#begin();
    this.live.retryNow();
  }

  #needToken() {
    this.#token.needed = true;
    this.changed(true);
  }

  #listen() {
    const on = (/** @type {string} */ type, /** @type {(message: any) => void} */ take) =>
      this.live.addEventListener(type, (event) => {
        take(/** @type {CustomEvent} */ (event).detail);
        this.changed();
      });
    on("hello", () => {
      this.hadConnection = true;
      this.#whole = true;
      if (!this.service) this.#loadService();
      if (this.model?.error) this.model.reload();
    });
    on("topics", ({ topics }) => this.#takeTopics(topics, this.#whole));
    on("view", ({ topic }) => this.model?.takeView(topic));
    on("discovery", (message) => this.model?.takeDiscovery(message));
    on("news", (news) => this.model?.takeNews(news));
    on("status", () => {
      // The handshake's refusal says nothing: HTTP tells whether the service is away or wants a token.
      if (this.live.status === "lost" && !this.topics) this.loadTopics();
      else if (this.live.status === "lost") api.service().catch(() => undefined);
    });
  }

  async #loadService() {
    try {
      this.service = await api.service();
    } catch (error) {
      this.notices.add("error", message(error));
    }
    this.changed();
  }

  /** The view of one topic, with chart and lists, is most of the page's code. */
  async #loadTopicView() {
    try {
      this.#topicView ??= (await import("./views/topic.js")).topicView;
    } catch {
      this.notices.add("error", "A part of the page could not be loaded. Load it again when the service is there.");
    }
    this.changed(true);
  }

  /** @param {any[]} topics @param {boolean} whole */
  #takeTopics(topics, whole) {
    if (whole || !this.topics) this.topics = new Map();
    if (whole) this.#whole = false;
    this.problem = "";
    for (const topic of topics) {
      this.topics.set(topic.id, topic);
      if (isLive(topic)) this.sparks.record(topic);
      this.model?.takeSummary(topic);
    }
  }

  /** @param {boolean} moved whether a person went there, and expects the focus to be there */
  #arrive(moved) {
    const id = this.#route.name === "topic" ? this.#route.id : null;
    if (id !== this.model?.id) {
      this.model?.close();
      this.model = null;
      if (id === null) {
        this.live.watch(null);
      } else {
        const model = new TopicModel(id, this.live);
        model.addEventListener("change", () => this.changed());
        this.model = model;
        model.open();
        this.#loadTopicView();
      }
    }
    this.#leftFrom = moved ? document.activeElement : null;
    this.changed(true);
  }

  #render() {
    document.title = this.#title();
    this.announcement = this.#announcer.say(this.#route.name === "topic" ? this.#route.id : "", this.#summary());
    render(shell(this, this.#content()), /** @type {HTMLElement} */ (document.getElementById("app")));
    if (this.#leftFrom) this.#focusHeading(this.#leftFrom);
  }

  /** As soon as what a person went to is there, its heading has the focus, unless they went on meanwhile. @param {Element} leftFrom */
  #focusHeading(leftFrom) {
    const { model, topics, problem } = this;
    const known = this.#route.name === "topic" ? this.#topicView && (model?.view || model?.error) : topics || problem;
    if (!known && this.#route.name !== "unknown") return;
    this.#leftFrom = null;
    const there = document.activeElement;
    if (there === null || there === document.body || there === leftFrom)
      document.querySelector("h1")?.focus({ preventScroll: true });
  }

  #content() {
    if (this.#token.needed) return tokenView(this.#token, (token) => this.#openSession(token));
    if (this.#route.name === "topics") return topicsView(this);
    if (this.model && this.#topicView) return this.#topicView(this, this.model);
    if (this.#route.name === "topic") return html`<div class="view" aria-busy="true"></div>`;
    return html`<div class="view">
      <div class="panel problem-page">
        <h1 tabindex="-1">There is nothing here</h1>
        <p><a class="button primary" data-inside href="/">All topics</a></p>
      </div>
    </div>`;
  }

  #title() {
    const view = this.model?.view;
    if (view) return `${format.count(view.unique)} · ${shortened(view.topic, 80)} – orchestrator`;
    const running = this.topics && [...this.topics.values()].filter(isLive).length;
    return running ? `${running} running – orchestrator` : "orchestrator";
  }

  #summary() {
    const view = this.model?.view;
    if (view)
      return `${STATE_WORDS[view.state]}: ${format.plural(view.unique, "unique item")}${isLive(view) ? `, ${format.rate(view.items_per_minute)} new a minute` : ""}.`;
    const live = this.topics && [...this.topics.values()].filter(isLive);
    return live ? `${format.plural(live.length, "topic")} running.` : "";
  }
}

/** @param {unknown} error @returns {string} for the user */
function message(error) {
  if (error instanceof api.ApiError) return error.message;
  throw error;
}

new Page().open();
