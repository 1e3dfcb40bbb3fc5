/** The service's HTTP API, `/api/v1`. Shapes are those of `contract/service.py`. */

/** A request that failed; `message` is a line for the user. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status 0: no answer came @param {string} topicId of the answer, or empty */
  constructor(message, status, topicId = "") {
    super(message);
    this.status = status;
    this.topicId = topicId;
  }
}

/** Dispatches `unauthorized` when the service wants a token. */
export const sessionEvents = new EventTarget();

/**
 * @param {string} method @param {string} path below `/api/v1` @param {{body?: object, signal?: AbortSignal}} [how]
 * @returns {Promise<any>} the JSON answer, null for an empty one
 * @throws {ApiError} @throws {DOMException} AbortError when `signal` fired
 */
async function call(method, path, { body, signal } = {}) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      signal,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The service does not answer. Is it still running?", 0);
  }
  const answer = await read(response);
  if (response.ok) return answer;
  if (response.status === 401 && path !== "/session") sessionEvents.dispatchEvent(new Event("unauthorized"));
  throw new ApiError(reason(response, answer), response.status, String(answer?.id ?? ""));
}

/** @param {Response} response */
async function read(response) {
  try {
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** @param {Response} response @param {any} answer @returns {string} */
function reason(response, answer) {
  const wait = response.headers.get("Retry-After");
  const text =
    typeof answer?.error === "string" ? answer.error : `The service answered with status ${response.status}.`;
  return response.status === 429 && wait ? `${text} (try again in ${wait} s)` : text;
}

/** @param {string} id */
const topicPath = (id) => `/topics/${encodeURIComponent(id)}`;

/** @param {Record<string, string | number>} values */
const query = (values) => new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)]));

export const service = () => call("GET", "/service");
export const topics = () => call("GET", "/topics");
/** @param {string} id @param {AbortSignal} [signal] */
export const topic = (id, signal) => call("GET", topicPath(id), { signal });
/** @param {string} topic @param {Record<string, unknown>} options @returns {Promise<{id: string}>} */
export const start = (topic, options) => call("POST", "/topics", { body: { topic, options } });
/** @param {string} id @param {Record<string, unknown>} options */
export const continueTopic = (id, options) => call("POST", `${topicPath(id)}/continue`, { body: { options } });
/** @param {string} id */
export const pause = (id) => call("POST", `${topicPath(id)}/pause`, { body: {} });
/** @param {string} id */
export const unpause = (id) => call("POST", `${topicPath(id)}/unpause`, { body: {} });
/** @param {string} id @param {boolean} now open responses are cancelled */
export const stop = (id, now) => call("POST", `${topicPath(id)}/stop`, { body: { now } });
/** @param {string} id @param {Record<string, unknown>} changes as in `Change` */
export const change = (id, changes) => call("PATCH", topicPath(id), { body: changes });
/** @param {string} id @param {Record<string, string | number>} which offset, limit, search, sort, order @param {AbortSignal} [signal] */
export const items = (id, which, signal) => call("GET", `${topicPath(id)}/items?${query(which)}`, { signal });
/** @param {string} id @param {number} points @param {AbortSignal} [signal] */
export const history = (id, points, signal) => call("GET", `${topicPath(id)}/history?${query({ points })}`, { signal });
/** @param {string} id @param {Record<string, number>} which before, limit @param {AbortSignal} [signal] */
export const events = (id, which, signal) => call("GET", `${topicPath(id)}/events?${query(which)}`, { signal });
/** @param {string} token */
export const openSession = (token) => call("POST", "/session", { body: { token } });
/** @param {string} id @param {string} format @param {boolean} [valid] without what was judged not to belong @returns {string} address of a download */
export const exportAddress = (id, format, valid = false) =>
  `/api/v1${topicPath(id)}/export?${query({ format, ...(valid ? { valid: "true" } : {}) })}`;
