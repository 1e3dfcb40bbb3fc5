/** The states of a topic and what they mean for the page. */

/** @typedef {"starting" | "running" | "paused" | "stopping" | "finished" | "interrupted" | "failed"} TopicState */

const LIVE = new Set(["starting", "running", "paused", "stopping"]);

/** @param {{state: string}} view @returns {boolean} whether it has a process */
export const isLive = (view) => LIVE.has(view.state);

/** @type {Record<string, string>} */
export const STATE_WORDS = {
  starting: "Starting",
  running: "Running",
  paused: "Paused",
  stopping: "Stopping",
  finished: "Finished",
  interrupted: "Interrupted",
  failed: "Failed",
};

/** @type {Record<string, string>} */
export const ERROR_WORDS = {
  timeout: "timed out",
  connection: "no connection",
  overloaded: "overloaded",
  rate_limited: "rate limited",
  bad_response: "bad answer",
  stream_truncated: "cut off",
  context_overflow: "too long",
  auth: "key refused",
  request_refused: "refused",
  quota: "quota used up",
  cancelled: "cancelled",
  process_crash: "process died",
  _OTHER: "other",
};

/** @param {any} a @param {any} b running ones first, then paused, then the latest; stable while they run */
export function byActivity(a, b) {
  return rank(a) - rank(b) || (lastActive(b) ?? 0) - (lastActive(a) ?? 0) || (a.id < b.id ? -1 : 1);
}

/** @param {{state: string}} view */
const rank = (view) => (view.state === "paused" ? 1 : isLive(view) ? 0 : 2);

/** @param {any} view */
const lastActive = (view) =>
  isLive(view) ? (view.started_at ?? view.at) : (view.ended_at ?? view.started_at ?? view.at);
