/** A share as a thin bar under its number. */

import { html } from "../vendor/lit-html/lit-html.js";

/** @param {number | null | undefined} share 0 to 1 @param {string} [tone] `accent`, `good`, `warn`, `bad` */
export const meter = (share, tone = "accent") =>
  html` <span class="meter" data-tone=${tone} aria-hidden="true"
    ><span
      class="meter-fill"
      .style=${`inline-size:${Math.round(Math.min(1, Math.max(0, share ?? 0)) * 1000) / 10}%`}
    ></span
  ></span>`;
