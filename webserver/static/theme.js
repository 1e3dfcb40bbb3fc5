/** Light, dark, or as the system has it; `early_theme.js` sets it before the first paint. */

import { remember, remembered } from "./storage.js";

/** @typedef {"auto" | "light" | "dark"} Theme */

const ORDER = /** @type {const} */ (["auto", "light", "dark"]);
const systemDark = matchMedia("(prefers-color-scheme: dark)");

/** Dispatches `change` whenever the colours on the page change. */
export const themeChanges = new EventTarget();
systemDark.addEventListener("change", () => themeChanges.dispatchEvent(new Event("change")));

/** @returns {Theme} */
export function currentTheme() {
  const theme = remembered("theme", "auto");
  return theme === "light" || theme === "dark" ? theme : "auto";
}

/** @returns {Theme} the one that comes after the current one */
export function nextTheme() {
  return ORDER[(ORDER.indexOf(currentTheme()) + 1) % ORDER.length];
}

/** @param {Theme} theme */
export function setTheme(theme) {
  remember("theme", theme === "auto" ? null : theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  themeChanges.dispatchEvent(new Event("change"));
}

/** @param {string} name of a CSS colour variable, `--accent` @returns {string} a colour that a canvas understands */
export function cssColor(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
