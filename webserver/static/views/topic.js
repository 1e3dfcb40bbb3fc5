/** One topic: what it is doing, what it found, and every handle to steer it. */

import "../components/chart.js";
import "../components/discovery_chart.js";
import "../components/item_list.js";
import "../components/newest_items.js";
import "../components/number_stepper.js";
import "../components/parts_table.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import * as format from "../format.js";
import { controls, exportMenu } from "../components/controls.js";
import { eventLog } from "../components/event_log.js";
import { exploration } from "../components/exploration.js";
import { figures, figuresSkeleton } from "../components/figures.js";
import { icons } from "../components/icons.js";
import { producerGrid } from "../components/producer_grid.js";
import { providerTable } from "../components/provider_table.js";
import { settingsPanel } from "../components/settings_panel.js";
import { stateBadge } from "../components/state_badge.js";
import { isLive } from "../states.js";
import { visible } from "../text.js";

/** How the event log is looked at; kept while one goes from topic to topic. */
const eventLook = { filter: "all" };

/** @param {import("../app.js").Page} page @param {import("../topic_model.js").TopicModel} model */
export function topicView(page, model) {
  const { view } = model;
  if (!view) return model.error ? problem(model) : loading(model);
  const live = isLive(view);
  const revision = `${model.seriesLoaded} ${model.series.length} ${model.series.at.at(-1)} ${model.series.unique.at(-1)} ${model.series.rate.at(-1)}`;
  return html`<div class="view topic-view">
    <div class="view-head">
      <div class="topic-title">
        <h1 tabindex="-1"><bdi>${visible(view.topic)}</bdi></h1>
        <p class="topic-line">${stateBadge(view.state)}<span class="topic-note">${note(view, live)}</span></p>
      </div>
      <div class="controls">${controls(view, page)}${exportMenu(view, page.service)}</div>
    </div>
    ${
      view.error
        ? html`<div class="problem" role="alert">
            ${icons.error()}
            <p><bdi>${visible(view.error)}</bdi></p>
          </div>`
        : nothing
    }
    <section class="panel flush" aria-label="Figures">${figures(view)}</section>
    <div class="columns wide-narrow">
      <section class="panel" aria-label="Items over time">
        <topic-chart .shown=${{ model, revision }}></topic-chart>
      </section>
      <section class="panel newest-panel" aria-label="Newest items">
        <newest-items .model=${model}></newest-items>
      </section>
    </div>
    ${live || model.discovery ? discovery(model) : nothing}
    <section class="panel" aria-label="Providers">
      <div class="panel-head"><h2>Providers</h2></div>
      ${providerTable(view, page, live)}
    </section>
    <div class="columns ${live ? "wide-narrow" : ""}">
      ${
        live
          ? html`<section class="panel" aria-label="Producers">
              <div class="panel-head">
                <h2>Producers</h2>
                <number-stepper
                  .subject=${"producers"}
                  .value=${view.settings?.producers ?? view.producers.length}
                  .apply=${(/** @type {number} */ producers) => page.steering.change(view.id, { producers }, `${format.plural(producers, "producer")} from now on.`)}
                ></number-stepper>
              </div>
              ${producerGrid(view)}
            </section>`
          : nothing
      }
      <section class="panel settings-panel" aria-label="Settings" data-live=${live}>
        <div class="panel-head"><h2>${live ? "Settings" : "Settings of the last run"}</h2></div>
        ${settingsPanel(view, page, live)}
      </section>
    </div>
    <div class="columns wide-narrow tall">
      <section class="panel items-panel" aria-label="All items">
        <item-list .topic=${{ id: view.id, unique: view.unique }}></item-list>
      </section>
      <section class="panel events-panel" aria-label="Events">${eventLog(model, page, eventLook)}</section>
    </div>
  </div>`;
}

/** Of a topic that runs it has its place from the beginning, so that nothing moves. @param {import("../topic_model.js").TopicModel} model */
const discovery = (model) =>
  html`<div class="columns wide-narrow">
      <section class="panel discovery-panel" aria-label="Discovery">
        <discovery-chart .discovery=${model.discovery}></discovery-chart>
      </section>
      <section class="panel" aria-label="How far">${exploration(model.view)}</section>
    </div>
    ${
      isLive(model.view) || model.discovery?.parts.length
        ? html`<section class="panel parts-panel" aria-label="Parts" data-live=${isLive(model.view)}>
            <parts-table .discovery=${model.discovery}></parts-table>
          </section>`
        : nothing
    }`;

/** @param {any} view @param {boolean} live */
function note(view, live) {
  if (view.progress) return visible(view.progress);
  if (view.state === "starting") return "Producers are starting";
  if (live)
    return `${view.state === "paused" ? "No new requests are made" : format.plural(view.producers_alive, "producer")} · ${format.count(view.open_orders)} open responses`;
  const when = view.ended_at ?? view.started_at;
  const why = view.error ? "" : visible(view.explanation); // an error stands below, in full
  return html`${why}${when ? html`${why ? " · " : ""}<span title=${format.dateTime(when)}>${format.ago(when)}</span>` : nothing}`;
}

/** @param {import("../topic_model.js").TopicModel} model */
const problem = (model) =>
  html`<div class="view">
    <div class="panel problem-page">
      <h1 tabindex="-1">${model.error?.status === 404 ? "There is no such topic" : "This topic cannot be shown"}</h1>
      <p>${model.error?.status === 404 ? "Its folder may have been moved or deleted." : model.error?.message}</p>
      <p class="controls">
        ${model.error?.status === 404 ? nothing : html`<button class="button" @click=${() => model.reload()}>Try again</button>`}
        <a class="button primary" data-inside href="/">All topics</a>
      </p>
    </div>
  </div>`;

/** @param {import("../topic_model.js").TopicModel} model */
const loading = (model) =>
  html`<div class="view topic-view" aria-busy="true">
    <div class="view-head">
      <div class="topic-title">
        <h1 tabindex="-1"><bdi>${visible(model.id)}</bdi></h1>
        <p class="topic-line"><span class="skeleton pill"></span></p>
      </div>
    </div>
    <section class="panel flush">${figuresSkeleton()}</section>
    <div class="columns wide-narrow">
      <div class="panel chart-skeleton"></div>
      <div class="panel chart-skeleton"></div>
    </div>
  </div>`;
