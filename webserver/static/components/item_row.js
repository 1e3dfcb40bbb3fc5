/** A row of the list of all items; made once, filled again and again. */

import * as format from "../format.js";
import { shortened } from "../text.js";

/** @returns {HTMLElement} */
export function makeItemRow() {
  const row = element("div", "item-row", "row");
  row.dataset.testid = "item-row";
  const number = element("span", "item-number", "gridcell");
  const main = element("span", "item-main", "gridcell");
  main.append(element("bdi", "item-text"), element("bdi", "item-description"));
  row.append(
    number,
    main,
    element("span", "item-count", "gridcell"),
    element("span", "item-provider", "gridcell"),
    element("span", "item-time", "gridcell"),
  );
  const actions = element("span", "item-actions", "gridcell");
  const copy = element("button", "item-copy");
  copy.setAttribute("type", "button");
  copy.tabIndex = -1;
  copy.textContent = "Copy";
  actions.append(copy);
  row.append(actions);
  return row;
}

/** @param {string} name @param {string} className @param {string} [role] */
function element(name, className, role) {
  const made = document.createElement(name);
  made.className = className;
  if (role) made.setAttribute("role", role);
  return made;
}

/**
 * @param {HTMLElement} row @param {number} index from 0 @param {any} item undefined while it is not loaded, null where there is none
 * @param {string} id of the row's element @param {boolean} active whether the keyboard is on it
 */
export function fillItemRow(row, index, item, id, active) {
  const [number, main, count, provider, time, actions] = row.children;
  row.id = id;
  row.setAttribute("aria-rowindex", String(index + 2));
  row.setAttribute("aria-selected", String(active));
  row.dataset.loading = String(item === undefined);
  row.dataset.index = String(index);
  number.textContent = item ? format.count(item.id) : "";
  main.children[0].textContent = item ? shortened(item.text) : "";
  main.children[1].textContent = item ? shortened(item.description) : "";
  count.textContent = item ? `${format.count(item.count)}×` : "";
  provider.textContent = item ? item.provider : "";
  actions.firstElementChild?.setAttribute("aria-label", item ? `Copy ${shortened(item.text, 60)}` : "Copy");
  fillItemTime(/** @type {HTMLElement} */ (time), item);
}

/** @param {HTMLElement} cell @param {any} item */
export function fillItemTime(cell, item) {
  const text = item ? format.ago(item.first_at) : "";
  if (cell.textContent === text) return;
  cell.textContent = text;
  cell.title = item ? format.dateTime(item.first_at) : "";
}
