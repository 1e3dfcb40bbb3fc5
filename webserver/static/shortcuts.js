/** Single-key shortcuts; they can be switched off, as they get in the way of speech input. */

import { remember, remembered } from "./storage.js";

export const shortcutsOn = () => remembered("shortcuts", "on") === "on";
/** @param {boolean} on */
export const switchShortcuts = (on) => remember("shortcuts", on ? null : "off");

/** @param {Record<string, () => void>} actions by key */
export function startShortcuts(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !shortcutsOn()) return;
    const target = event.target;
    if (target instanceof Element && target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
