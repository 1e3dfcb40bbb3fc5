/** A rate's course in the size of a word. */

import { html, svg } from "../vendor/lit-html/lit-html.js";

const WIDTH = 96;
const HEIGHT = 24;

/** @param {import("../series.js").Series} series */
export function sparkline(series) {
  const lines = runs(series);
  return html`<svg
    class="spark"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    width=${WIDTH}
    height=${HEIGHT}
    preserveAspectRatio="none"
    aria-hidden="true"
  >
    ${lines.map(
      (
        points,
      ) => svg`<polygon class="spark-area" points=${`${points[0][0]},${HEIGHT} ${joined(points)} ${points.at(-1)?.[0]},${HEIGHT}`} />
        <polyline class="spark-line" points=${joined(points)} />`,
    )}
  </svg>`;
}

/** @param {number[][]} points */
const joined = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** @param {import("../series.js").Series} series @returns {number[][][]} a line of points for each run, in the picture's units */
function runs({ at, rate }) {
  const first = at[0];
  const span = (at.at(-1) ?? 0) - first;
  if (!(span > 0)) return [];
  const highest = Math.max(...rate.map((value) => value ?? 0)) || 1;
  /** @type {number[][][]} */
  const lines = [[]];
  rate.forEach((value, index) => {
    if (value === null) lines.push([]);
    else lines.at(-1)?.push([((at[index] - first) / span) * WIDTH, HEIGHT - 1.5 - (value / highest) * (HEIGHT - 4)]);
  });
  return lines.filter((points) => points.length > 1);
}
