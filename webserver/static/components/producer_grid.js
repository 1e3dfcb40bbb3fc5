/** The producers of a run and what each does now; up to 256. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import * as format from "../format.js";

/** Beyond this many, cards would be a wall: tiles, with words on demand. */
const MOST_CARDS = 16;

/** @type {Record<string, string>} */
const WORDS = { starting: "Starting", ready: "Ready", leaving: "Leaving", dead: "Dead" };

/** @param {any} view */
export function producerGrid(view) {
  /** @type {any[]} */
  const producers = view.producers;
  if (!producers.length) return html`<p class="empty">Producers are starting.</p>`;
  return html`<p class="grid-summary">${summary(producers)}</p>
    ${
      producers.length <= MOST_CARDS
        ? html`<ul class="producer-cards">
            ${repeat(producers, indexOf, card)}
          </ul>`
        : html`<ul class="producer-tiles">
              ${repeat(producers, indexOf, tile)}
            </ul>
            <details class="producer-list">
              <summary>As a list</summary>
              <ul class="producer-cards">
                ${repeat(producers, indexOf, card)}
              </ul>
            </details>`
    }`;
}

/** @param {any} producer */
const indexOf = ({ index }) => index;

/** @param {any} producer `busy`, `idle`, or what its process is */
const activity = ({ state, open_orders }) => (state !== "ready" ? state : open_orders ? "busy" : "idle");

/** @param {any[]} producers */
function summary(producers) {
  /** @type {Record<string, number>} */
  const numbers = {};
  for (const producer of producers) numbers[activity(producer)] = (numbers[activity(producer)] ?? 0) + 1;
  const words = { busy: "reading", idle: "idle", starting: "starting", leaving: "leaving", dead: "dead" };
  const restarts = producers.reduce((sum, producer) => sum + producer.restarts, 0);
  return html`${Object.entries(words)
    .filter(([name]) => numbers[name])
    .map(
      ([name, word]) =>
        html`<span><span class="dot" data-activity=${name} aria-hidden="true"></span>${numbers[name]} ${word}</span>`,
    )}
  ${restarts ? html`<span class="quiet">${format.plural(restarts, "restart")}</span>` : nothing}`;
}

/** @param {any} producer */
const card = (producer) =>
  html`<li class="producer" data-activity=${activity(producer)}>
    <span class="producer-name"
      ><span class="dot" data-activity=${activity(producer)} aria-hidden="true"></span><b>${producer.index}</b>
      <span class="visually-hidden">${WORDS[producer.state] ?? producer.state}</span></span
    >
    <span class="producer-doing" title=${producer.doing}>${producer.doing}</span>
    <span
      class="producer-yield"
      title="${format.plural(producer.calls, "call")}, ${format.count(producer.duplicate)} known items${producer.pid ? `, process ${producer.pid}` : ""}"
    >
      +${format.compact(producer.new)}${producer.restarts ? html` <span class="warn-text" title="how often its process was replaced">↻ ${producer.restarts}</span>` : nothing}</span
    >
  </li>`;

/** @param {any} producer */
const tile = (producer) =>
  html`<li class="tile" data-activity=${activity(producer)} title="Producer ${producer.index}: ${producer.doing}">
    <span aria-hidden="true">${producer.index}</span
    ><span class="visually-hidden">Producer ${producer.index}: ${producer.doing}</span>
  </li>`;
