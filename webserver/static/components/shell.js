/** What is around every view: the bar, the connection's state, notices. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { currentTheme, nextTheme, setTheme } from "../theme.js";
import { shortcutsOn, switchShortcuts } from "../shortcuts.js";
import { shortened } from "../text.js";
import { openDialog } from "./dialog.js";
import { icons } from "./icons.js";

const ICON = new URL("../icon.svg", import.meta.url).pathname;

/** @param {import("../app.js").Page} page @param {unknown} content */
export function shell(page, content) {
  const theme = currentTheme();
  const { status } = page.live;
  const change = () => {
    setTheme(nextTheme());
    page.changed(true);
  };
  return html` <a class="skip-link" href="#main">Skip to content</a>
    <header class="bar">
      <div class="bar-in">
        <nav aria-label="Where you are">
          <a class="brand" data-inside href="/" aria-label="orchestrator: all topics"
            ><img src=${ICON} alt="" width="24" height="24" /><span>orchestrator</span></a
          >
          ${page.model ? html`<span class="crumb" aria-hidden="true">/</span><a class="crumb-topics" data-inside href="/">Topics</a><span class="crumb" aria-hidden="true">/</span><span class="crumb-here"><bdi>${shortened(page.model.view?.topic ?? page.model.id, 80)}</bdi></span>` : nothing}
        </nav>
        <span class="live" data-status=${status} title=${LIVE_TITLES[status] ?? ""}
          ><span class="dot" aria-hidden="true"></span><span class="live-word">${LIVE_WORDS[status] ?? ""}</span></span
        >
        <button
          class="button ghost icon-only"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts (?)"
          @click=${openShortcuts}
        >
          ${icons.keyboard()}
        </button>
        <button
          class="button ghost icon-only"
          data-testid="theme-toggle"
          data-theme-now=${theme}
          aria-label="Colours: ${theme}. Change to ${nextTheme()}"
          title="Colours: ${theme}"
          @click=${change}
        >
          ${icons[theme]()}
        </button>
      </div>
    </header>
    <div
      class="banner"
      data-testid="connection-banner"
      role="alert"
      ?hidden=${!(status === "lost" && page.hadConnection)}
    >
      ${status === "lost" && page.hadConnection ? html`${icons.warning()}<span>Connection lost, trying again…</span><button class="button small" data-testid="retry-now" @click=${() => page.live.retryNow()}>Retry now</button>` : nothing}
    </div>
    <main id="main" tabindex="-1">${content}</main>
    <div class="notices" role="status">
      ${page.notices.list.map(
        ({ number, kind, text }) =>
          html`<div class="notice" data-kind=${kind} data-testid="notice">
            ${kind === "error" ? icons.error() : icons.check()}<span>${text}</span
            ><button class="dismiss" aria-label="Dismiss" @click=${() => page.notices.dismiss(number)}>
              ${icons.cross()}
            </button>
          </div>`,
      )}
    </div>
    <div class="visually-hidden" role="status" aria-live="polite">${page.announcement}</div>`;
}

/** @type {Record<string, string>} */
const LIVE_WORDS = { open: "Live", lost: "Offline", connecting: "Connecting", idle: "Connecting" };
/** @type {Record<string, string>} */
const LIVE_TITLES = {
  open: "Everything on this page is up to date",
  lost: "The service does not answer",
  connecting: "",
};

const KEYS = [
  ["/", "Search the items, or name a topic"],
  ["?", "This list"],
  ["t", "All topics"],
  ["↑ ↓", "In the list of items: one row"],
  ["PgUp PgDn", "one window"],
  ["Home End", "first and last item"],
  ["Enter", "the item in full"],
  ["c", "copy the item"],
  ["Esc", "Close a dialog, undo a change in a field"],
];

export function openShortcuts() {
  const change = (/** @type {Event} */ event) =>
    switchShortcuts(/** @type {HTMLInputElement} */ (event.target).checked);
  return openDialog(
    "Keyboard shortcuts",
    (close) =>
      html` <dl class="keys">
          ${KEYS.map(
            ([key, words]) =>
              html`<div>
                <dt>${key.split(" ").map((one) => html`<kbd>${one}</kbd>`)}</dt>
                <dd>${words}</dd>
              </div>`,
          )}
        </dl>
        <label class="check"
          ><input type="checkbox" ?checked=${shortcutsOn()} @change=${change} /><span
            >Single keys <kbd>/</kbd> <kbd>?</kbd> <kbd>t</kbd> work everywhere</span
          ></label
        >
        <footer><button class="button primary" @click=${() => close()}>Close</button></footer>`,
  );
}
