/** All topics at a glance, and the form that starts one. */

import "../components/start_form.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import * as format from "../format.js";
import { controls } from "../components/controls.js";
import { icons } from "../components/icons.js";
import { meter } from "../components/meter.js";
import { sparkline } from "../components/sparkline.js";
import { stateBadge } from "../components/state_badge.js";
import { topicAddress } from "../router.js";
import { byActivity, isLive } from "../states.js";
import { shortened, visible } from "../text.js";

/** @param {import("../app.js").Page} page */
export function topicsView(page) {
  const topics = page.topics && [...page.topics.values()].sort(byActivity);
  const empty = topics?.length === 0;
  return html`<div class="view topics-view">
    ${
      empty
        ? html`<div class="hero">
            <h1 tabindex="-1">What do you want everything of?</h1>
            <p>
              Name a topic. Several language models list everything there is to list about it, every item once, until
              nothing new comes.
            </p>
          </div>`
        : html`<div class="view-head">
            <h1 tabindex="-1">Topics</h1>
            ${topics ? overview(topics) : nothing}
          </div>`
    }
    <section class="panel start-panel ${empty ? "first" : ""}" aria-label="Start a topic">
      <start-form .page=${page} .empty=${empty}></start-form>
    </section>
    ${empty ? nothing : html`<section class="panel flush" aria-label="All topics">${topics ? table(topics, page) : page.problem ? problem(page) : skeleton()}</section>`}
  </div>`;
}

/** @param {any[]} topics */
function overview(topics) {
  const live = topics.filter(isLive);
  const sum = (/** @type {string} */ name) => live.reduce((total, topic) => total + (topic[name] ?? 0), 0);
  return html`<ul class="overview">
    <li><b>${format.count(live.length)}</b> of ${format.count(topics.length)} running</li>
    ${
      live.length
        ? html`<li><b>${format.rate(sum("items_per_minute"))}</b> new a minute</li>
            <li><b>${format.count(sum("producers_alive"))}</b> producers</li>`
        : nothing
    }
  </ul>`;
}

/** @param {import("../app.js").Page} page */
const problem = (page) =>
  html`<div class="problem" role="alert">
    ${icons.error()}
    <p>${page.problem}</p>
    <button class="button" @click=${() => page.loadTopics()}>Try again</button>
  </div>`;

const HEAD = ["Topic", "Unique items", "New a minute", "Share new", "Coverage", "Cost", "Producers"];

/** @param {any[]} topics @param {import("../app.js").Page} page */
function table(topics, page) {
  const covered = topics.some(({ coverage }) => coverage != null);
  return html`<table class="table topics" role="table">
    <thead role="rowgroup">
      <tr role="row">
        ${HEAD.filter((name) => covered || name !== "Coverage").map((name) => html`<th role="columnheader" scope="col" class=${name === "Topic" ? "" : "number"}>${name}</th>`)}
        <th role="columnheader" scope="col"><span class="visually-hidden">Controls</span></th>
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${repeat(
        topics,
        (/** @type {any} */ { id }) => id,
        (/** @type {any} */ topic) => row(topic, page, covered),
      )}
    </tbody>
  </table>`;
}

/** @param {any} topic @param {import("../app.js").Page} page @param {boolean} covered */
function row(topic, page, covered) {
  const live = isLive(topic);
  const label = (/** @type {string} */ words) => html`<span class="cell-label" aria-hidden="true">${words}</span>`;
  return html`<tr
    role="row"
    class="topic-row"
    data-testid="topic-row"
    data-topic-id=${topic.id}
    data-state=${topic.state}
  >
    <th role="rowheader" scope="row" class="topic-cell">
      <div class="topic-cell-in">
        ${stateBadge(topic.state)}
        <span class="topic-name"
          ><a data-inside href=${topicAddress(topic.id)}><bdi>${shortened(topic.topic, 200)}</bdi></a>
          <span class="topic-note ${topic.error ? "bad-text" : ""}">${note(topic, live)}</span></span
        >
      </div>
    </th>
    <td role="cell" class="number strong">
      ${label("Items")}<span data-testid="unique-count" data-value=${topic.unique}>${format.count(topic.unique)}</span>
    </td>
    <td role="cell" class="number rate-cell">
      ${label("A minute")}<span class="rate-in"
        >${sparkline(page.sparks.of(topic.id))}<span class="rate-value"
          >${live ? format.rate(topic.items_per_minute) : format.UNKNOWN}</span
        ></span
      >
    </td>
    <td role="cell" class="number">
      ${label("New")}<span class="share">${format.percent(topic.share_new)}${meter(topic.share_new)}</span>
    </td>
    ${covered ? html`<td role="cell" class="number">${label("Coverage")}<span class="share">${format.percent(topic.coverage)}${topic.coverage == null ? nothing : meter(topic.coverage, "good")}</span></td>` : nothing}
    <td role="cell" class="number">${label("Cost")}${format.money(topic.cost_usd)}</td>
    <td role="cell" class="number">
      ${label("Producers")}${live ? format.count(topic.producers_alive) : format.UNKNOWN}
    </td>
    <td role="cell" class="controls-cell"><div class="controls">${controls(topic, page, { small: true })}</div></td>
  </tr>`;
}

/** @param {any} topic @param {boolean} live */
function note(topic, live) {
  if (live) return topic.progress ? visible(topic.progress) : `for ${format.duration(topic.elapsed_s)}`;
  const why = shortened(topic.error || topic.explanation, 160);
  const when = topic.ended_at ?? topic.started_at;
  return html`${why}${why && when ? " · " : ""}${when ? html`<span title=${format.dateTime(when)}>${format.ago(when)}</span>` : nothing}`;
}

const skeleton = () =>
  html`<div class="skeleton-rows" role="status">
    <span class="visually-hidden">Loading topics</span>
    ${[1, 2, 3].map(() => html`<div class="skeleton-row"><span class="skeleton pill"></span><span class="skeleton line"></span><span class="skeleton line short"></span><span class="skeleton line short"></span></div>`)}
  </div>`;
