/** Rendering in the browser's rhythm: never while the page is hidden, never more often than is useful. */

const SPACING_MS = 100;

/**
 * @param {() => void} render
 * @returns {(soon?: boolean) => void} asks for a rendering; `soon`: in the next frame, for an answer to a person's act
 */
export function frames(render) {
  let last = -Infinity;
  let timer = 0;
  let frame = 0;

  function paint() {
    frame = 0;
    last = performance.now();
    render();
  }
  function plan() {
    timer = 0;
    if (!document.hidden && !frame) frame = requestAnimationFrame(paint);
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) plan();
  });
  return (soon = false) => {
    if (frame || (timer && !soon)) return;
    clearTimeout(timer);
    timer = 0;
    const wait = soon ? 0 : last + SPACING_MS - performance.now();
    if (wait <= 0) plan();
    else timer = setTimeout(plan, wait);
  };
}
