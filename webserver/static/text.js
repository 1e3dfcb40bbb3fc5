/** Text from models and users: data, never markup. It is bound as text only; this makes what is invisible in it seen. */

const REPLACEMENT = "\ufffd";
// Control characters, separators of lines, what turns the writing direction of the rest over, lone surrogates.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** @param {string} char @returns {string} its control picture, where Unicode has one */
function picture(char) {
  const code = char.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  if (code === 0x2028 || code === 0x2029) return "\u2424";
  return REPLACEMENT;
}

/** @param {string} text @returns {string} with every control character as a visible sign */
export const visible = (text) => text.replace(HIDDEN, picture);

/** @param {string} text @param {number} limit characters kept @returns {string} visible, cut with an ellipsis */
export function shortened(text, limit = 240) {
  if (text.length <= limit) return visible(text);
  const end = /** @type {number} */ (text.codePointAt(limit - 1)) > 0xffff ? limit - 1 : limit;
  return `${visible(text.slice(0, end))}…`;
}

/** @param {string} text @returns {Promise<boolean>} whether it is in the clipboard now */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
