// Limits the length of a field. Lengths are counted in code points, as the server counts them. The browser's own
// `maxlength` counts UTF-16 units, cuts silently, and may leave half an emoji.

import { lengthOf } from "../lib/growing.js";

const AROUND = 64; // UTF-16 units before a cut that are searched for the beginning of a character
const FEW_LEFT = 200;

const isLow = (text, at) => /[\udc00-\udfff]/.test(text[at]) && /[\ud800-\udbff]/.test(text[at - 1] ?? "");

/**
 * Keeps the field's text within `limit()` code points. Text that does not fit is cut before the caret, at the end of the new
 * input, and never within a character. `onCut` gets how many code points were cut.
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {() => number | undefined} limit
 * @param {(cut: number) => void} onCut
 */
export function limitLength(field, limit, onCut) {
  const check = (event) => {
    if (event.isComposing) return; // an input method replaces its text; it is checked when the word is chosen
    const cut = cutToFit(field, limit() ?? Infinity);
    if (cut) onCut(cut);
  };
  field.addEventListener("compositionend", check);
  field.addEventListener("input", check);
}

/** Returns the number of code points that were cut. */
function cutToFit(field, limit) {
  const { value } = field;
  const excess = value.length > limit ? lengthOf(value) - limit : 0;
  if (excess <= 0) return 0;
  const end = Math.max(field.selectionEnd ?? value.length, excess);
  field.setRangeText("", characterStart(value, stepBack(value, end, excess)), end, "end");
  return lengthOf(value) - lengthOf(field.value);
}

function stepBack(text, end, points) {
  let at = end;
  for (let left = points; left > 0 && at > 0; left -= 1) at -= isLow(text, at - 1) ? 2 : 1;
  return at;
}

/** Returns the beginning of the character (grapheme) at `at`, which may be between two characters. */
function characterStart(text, at) {
  if (!("Segmenter" in Intl)) return at;
  const from = Math.max(0, at - AROUND);
  const found = new Intl.Segmenter().segment(text.slice(from, at + AROUND)).containing(at - from);
  return found && found.index + from < at ? found.index + from : at;
}

/** Returns how many code points are left if they are few, else null. @param {string} text @param {number | undefined} limit */
export function fewLeft(text, limit) {
  if (limit === undefined || text.length < limit - FEW_LEFT) return null;
  const left = limit - lengthOf(text);
  return left <= FEW_LEFT ? left : null;
}
