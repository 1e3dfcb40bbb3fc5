/** Addresses of the page: `/` and `/topics/<id>`. */

/** @typedef {{name: "topics"} | {name: "topic", id: string} | {name: "unknown"}} Route */

/** @param {string} path @returns {Route} */
export function routeOf(path) {
  if (path === "/") return { name: "topics" };
  const match = /^\/topics\/([^/]+)\/?$/.exec(path);
  if (!match) return { name: "unknown" };
  try {
    return { name: "topic", id: decodeURIComponent(match[1]) };
  } catch {
    return { name: "unknown" };
  }
}

/** @param {string} id @returns {string} */
export const topicAddress = (id) => `/topics/${encodeURIComponent(id)}`;

/**
 * Follow links inside the page without loading it anew.
 * @param {(route: Route) => void} arrived
 * @returns {(path: string) => void} go there
 */
export function startRouter(arrived) {
  let path = location.pathname;
  const arrive = () => {
    path = location.pathname;
    arrived(routeOf(path));
  };
  /** @param {string} target */
  const go = (target) => {
    if (target !== location.pathname) history.pushState(null, "", target);
    arrive();
    scrollTo(0, 0);
  };
  addEventListener("popstate", () => {
    if (location.pathname !== path) arrive();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    const link = event.target instanceof Element ? event.target.closest("a[data-inside]") : null;
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    go(link.pathname);
  });
  return go;
}
