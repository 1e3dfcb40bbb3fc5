/** What happened, in plain words, newest first. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import * as format from "../format.js";
import { visible } from "../text.js";
import { icons } from "./icons.js";

/** Times "4 min ago" are told anew this often. */
const REFRESH_MS = 10_000;
const FILTERS = /** @type {const} */ ([
  ["all", "All"],
  ["problems", "Problems"],
  ["errors", "Errors"],
]);
/** @type {Record<string, (event: any) => boolean>} */
const PASSES = { all: () => true, problems: ({ level }) => level !== "info", errors: ({ level }) => level === "error" };
/** @type {Record<string, string>} */
const LEVEL_WORDS = { info: "Info", warning: "Warning", error: "Error" };

/**
 * @param {import("../topic_model.js").TopicModel} model @param {import("../app.js").Page} page
 * @param {{filter: string}} look kept by the view
 */
export function eventLog(model, page, look) {
  const time = Math.floor(Date.now() / REFRESH_MS);
  const show = (/** @type {string} */ filter) => {
    look.filter = filter;
    page.changed(true);
  };
  return html`<div class="panel-head">
      <h2>Events</h2>
      <div class="segments" role="group" aria-label="Events shown">
        ${FILTERS.map(
          ([name, words]) =>
            html` <button class="segment" aria-pressed=${String(look.filter === name)} @click=${() => show(name)}>
              ${words}
            </button>`,
        )}
      </div>
    </div>
    <div class="events-scroll" tabindex="0" role="region" aria-label="Event log">
      ${guard([model, model.events[0]?.seq, model.events.at(-1)?.seq, model.eventsLoaded, look.filter, time], () => list(model, look.filter))}
      ${model.moreEvents && look.filter === "all" ? html`<button class="button small more" @click=${() => loadEarlier(model, page)}>Earlier events</button>` : nothing}
    </div>`;
}

/** @param {import("../topic_model.js").TopicModel} model @param {string} filter */
function list(model, filter) {
  const events = model.events.filter(PASSES[filter]).reverse();
  if (events.length)
    return html`<ol class="events" reversed>
      ${repeat(events, (/** @type {any} */ { seq }) => seq, row)}
    </ol>`;
  const none = filter === "all" ? "Nothing has happened yet." : "Nothing of this kind has happened.";
  return html`<p class="empty">${model.eventsLoaded ? none : "Loading…"}</p>`;
}

/** @param {import("../topic_model.js").TopicModel} model @param {import("../app.js").Page} page */
async function loadEarlier(model, page) {
  try {
    await model.loadEarlierEvents();
  } catch (error) {
    page.notices.add("error", /** @type {Error} */ (error).message);
  }
}

/** @param {any} event a TopicEvent */
const row = (event) =>
  html`<li class="event" data-level=${event.level} data-testid="event-row" data-seq=${event.seq}>
    <span class="event-icon"
      >${icons[/** @type {"info"} */ (event.level)]?.() ?? icons.info()}<span class="visually-hidden"
        >${LEVEL_WORDS[event.level] ?? event.level}</span
      ></span
    >
    <span class="event-text"><bdi>${visible(event.text)}</bdi></span>
    <time title=${format.dateTime(event.at)}>${format.ago(event.at)}</time>
  </li>`;
