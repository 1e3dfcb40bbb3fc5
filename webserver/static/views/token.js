/** Asks for the token that the service printed when it started. */

import { html } from "../vendor/lit-html/lit-html.js";

/** @param {{error: string, busy: boolean}} state @param {(token: string) => void} given */
export function tokenView({ error, busy }, given) {
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    given(String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("token") ?? "").trim());
  };
  return html`<section class="panel token" aria-labelledby="token-title">
    <h1 id="token-title" tabindex="-1">This service needs its token</h1>
    <p>It was printed when the service started, and is kept in a file that only its user can read.</p>
    <form @submit=${submit} data-testid="token-form">
      <label for="token">Token</label>
      <div class="start-line">
        <input
          id="token"
          name="token"
          type="password"
          required
          autocomplete="current-password"
          aria-invalid=${error ? "true" : "false"}
          aria-describedby="token-error"
        />
        <button class="button primary" ?disabled=${busy}>Open</button>
      </div>
      <p class="form-error" id="token-error" role="alert" ?hidden=${!error}>${error}</p>
    </form>
  </section>`;
}
