/** A topic's state as colour, shape and word. */

import { html } from "../vendor/lit-html/lit-html.js";
import { STATE_WORDS } from "../states.js";
import { stateIcon } from "./icons.js";

/** @param {string} state */
export const stateBadge = (state) =>
  html` <span class="badge" data-state=${state} data-testid="topic-state"
    >${stateIcon(state)}<span>${STATE_WORDS[state] ?? state}</span></span
  >`;
