/** Icons, 16 × 16, drawn in the colour of the text around them. Words beside them say the same. */

import { html, svg } from "../vendor/lit-html/lit-html.js";

/** @param {import("../vendor/lit-html/lit-html.js").TemplateResult} content */
const icon = (content) =>
  html`<svg
    class="icon"
    viewBox="0 0 16 16"
    width="16"
    height="16"
    fill="none"
    stroke="currentColor"
    stroke-width="1.6"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    ${content}
  </svg>`;

export const icons = {
  pause: () => icon(svg`<path d="M5.5 3.5v9M10.5 3.5v9" stroke-width="2.4"/>`),
  play: () => icon(svg`<path d="M5 3.2v9.6l7.6-4.8z" fill="currentColor"/>`),
  stop: () => icon(svg`<rect x="4" y="4" width="8" height="8" rx="1" fill="currentColor"/>`),
  more: () => icon(svg`<path d="M3 8h.01M8 8h.01M13 8h.01" stroke-width="2.4"/>`),
  download: () => icon(svg`<path d="M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.2h10"/>`),
  down: () => icon(svg`<path d="M4 6.2 8 10l4-3.8"/>`),
  search: () => icon(svg`<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>`),
  copy: () =>
    icon(
      svg`<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 3.2v-.2a.8.8 0 0 0-.8-.8H3.3a.8.8 0 0 0-.8.8v6.7c0 .4.4.8.8.8"/>`,
    ),
  check: () => icon(svg`<path d="m3 8.6 3.3 3.2L13 4.6" stroke-width="2"/>`),
  cross: () => icon(svg`<path d="m4 4 8 8M12 4l-8 8" stroke-width="1.9"/>`),
  plus: () => icon(svg`<path d="M8 3.2v9.6M3.2 8h9.6" stroke-width="1.9"/>`),
  minus: () => icon(svg`<path d="M3.2 8h9.6" stroke-width="1.9"/>`),
  info: () => icon(svg`<circle cx="8" cy="8" r="5.8"/><path d="M8 7.4v3.4M8 5.1h.01" stroke-width="1.8"/>`),
  warning: () => icon(svg`<path d="M8 2.4 14.3 13H1.7z"/><path d="M8 6.4v3M8 11.3h.01" stroke-width="1.8"/>`),
  error: () =>
    icon(
      svg`<path d="M5.4 2h5.2L14 5.4v5.2L10.6 14H5.4L2 10.6V5.4z"/><path d="M8 5v3.6M8 11h.01" stroke-width="1.8"/>`,
    ),
  auto: () => icon(svg`<circle cx="8" cy="8" r="5.6"/><path d="M8 2.4a5.6 5.6 0 0 1 0 11.2z" fill="currentColor"/>`),
  light: () =>
    icon(
      svg`<circle cx="8" cy="8" r="2.9"/><path d="M8 1.4v1.4M8 13.2v1.4M1.4 8h1.4M13.2 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M3.3 12.7l1-1M11.7 4.3l1-1"/>`,
    ),
  dark: () => icon(svg`<path d="M13.4 9.7A5.8 5.8 0 0 1 6.3 2.6a5.8 5.8 0 1 0 7.1 7.1z"/>`),
  starting: () => icon(svg`<circle cx="8" cy="8" r="5" stroke-dasharray="2.6 2.6" stroke-width="2"/>`),
  running: () => icon(svg`<circle cx="8" cy="8" r="4.4" fill="currentColor" stroke="none"/>`),
  stopping: () => icon(svg`<rect x="3.6" y="3.6" width="8.8" height="8.8" rx="1" stroke-width="2"/>`),
  interrupted: () =>
    icon(
      svg`<circle cx="8" cy="8" r="5.2" stroke-width="1.8"/><path d="M8 2.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor" stroke="none"/>`,
    ),
  failed: () => icon(svg`<path d="M8 2.6 14 13H2z" fill="currentColor"/>`),
  keyboard: () =>
    icon(
      svg`<rect x="1.8" y="4" width="12.4" height="8.4" rx="1.4"/><path d="M4.4 6.8h.01M7 6.8h.01M9.6 6.8h.01M11.9 6.8h.01M5.4 9.8h5.2"/>`,
    ),
};

/** @param {string} state of a topic */
export const stateIcon = (state) =>
  (
    ({ paused: icons.pause, finished: icons.check })[state] ??
    icons[/** @type {keyof typeof icons} */ (state)] ??
    icons.info
  )();
