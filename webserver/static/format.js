/** Numbers, money, shares and times as they are shown. Unknown (`null`) is always "–". */

export const UNKNOWN = "–";
const THIN_SPACE = "\u202f";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** @param {Intl.NumberFormat} format @param {number} value */
const thin = (format, value) =>
  format
    .formatToParts(value)
    .map((part) => (part.type === "group" ? THIN_SPACE : part.value))
    .join("");

/** @param {number | null | undefined} value @returns {string} `12 840` */
export const count = (value) => (value == null ? UNKNOWN : thin(whole, value));

/** @param {number | null | undefined} value @returns {string} `12.8K` */
export const compact = (value) => (value == null ? UNKNOWN : value < 10_000 ? count(value) : short.format(value));

/** @param {number | null | undefined} value @returns {string} new items a minute: `0`, `0.4`, `12`, `3 400` */
export const rate = (value) => (value == null ? UNKNOWN : value > 0 && value < 9.95 ? value.toFixed(1) : count(value));

/** @param {number | null | undefined} share 0 to 1 @returns {string} `61%` */
export function percent(share) {
  if (share == null) return UNKNOWN;
  const value = share * 100;
  return value > 0 && value < 10 ? `${value.toFixed(1)}%` : `${Math.floor(value)}%`;
}

/** @param {number | null | undefined} usd @returns {string} `$0.83`; fractions of a cent stay visible */
export function money(usd) {
  if (usd == null) return UNKNOWN;
  const digits = usd === 0 || usd >= 0.1 ? 2 : 4;
  const format = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `$${thin(format, usd)}`;
}

/** @param {number | null | undefined} seconds @returns {string} `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h` */
export function duration(seconds) {
  if (seconds == null) return UNKNOWN;
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** @param {number | null | undefined} seconds @returns {string} of a call: `0.42 s`, `3.1 s`, `75 s` */
export function latency(seconds) {
  if (seconds == null) return UNKNOWN;
  return `${seconds < 1 ? seconds.toFixed(2) : seconds < 20 ? seconds.toFixed(1) : seconds.toFixed(0)} s`;
}

/** @param {number} at seconds since 1970 @param {number} now the same @returns {string} `just now`, `4 min ago`, `3 d ago` */
export function ago(at, now = Date.now() / 1000) {
  const s = Math.max(0, now - at);
  if (s < 5) return "just now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** @param {number} at seconds since 1970 @returns {string} time of day */
export const clock = (at) => clockFormat.format(at * 1000);

/** @param {number} at seconds since 1970 @returns {string} day and month */
export const day = (at) => dayFormat.format(at * 1000);

/** @param {number} at seconds since 1970 @returns {string} time of day, with the day where it is not within the last */
export const since = (at) => (Date.now() / 1000 - at < 72_000 ? clock(at) : `${day(at)}, ${clock(at).slice(0, 5)}`);

/** @param {number | null} at seconds since 1970 @returns {string} date and time */
export const dateTime = (at) => (at == null ? UNKNOWN : fullFormat.format(at * 1000));

/** @param {number} number @param {string} one @param {string} [many] @returns {string} `1 producer`, `3 producers` */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** @param {number | null} seconds @returns {string} as it is typed: `90s`, `5m`, `1h30m`; empty for none */
export function durationTyped(seconds) {
  if (seconds == null) return "";
  const parts = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "m"],
    [seconds % 60, "s"],
  ];
  return (
    parts
      .filter(([number]) => number)
      .map(([number, unit]) => `${number}${unit}`)
      .join("") || "0s"
  );
}

/** @param {string} text `90`, `90s`, `5m`, `1h30m` @returns {number | null} seconds; null when it is no duration */
export function durationParsed(text) {
  const match = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?$/i.exec(text.trim());
  if (!match || !match.slice(1).some(Boolean)) return null;
  const [h, m, s] = match.slice(1).map((part) => Number(part ?? 0));
  return h * 3600 + m * 60 + s || null;
}
