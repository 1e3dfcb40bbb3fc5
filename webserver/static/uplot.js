/** uPlot, which draws the charts; it is loaded with the first one only. */

const UPLOT = new URL("./vendor/uplot/uPlot", import.meta.url).href;

/** @type {Promise<any> | null} */
let loading = null;

/** @returns {Promise<any>} the uPlot constructor; its smallest file is a classic script */
export function loadUPlot() {
  loading ??= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = `${UPLOT}.min.css`;
    const script = document.createElement("script");
    script.src = `${UPLOT}.iife.min.js`;
    script.onload = () => resolve(/** @type {any} */ (window).uPlot);
    script.onerror = () => {
      loading = null;
      reject(new Error("The chart could not be loaded."));
    };
    document.head.append(style, script);
  });
  return loading;
}
