// Addresses in a text: which ones become links. app/core/links.py implements the same grammar and describes it; both pass the
// vectors of tests/vectors/links.json.

/**
 * `text.slice(start, end)` is the address. `stop` is where it would end if its last punctuation belonged to it.
 * @typedef {{start: number, end: number, stop: number, isLink: boolean}} Address
 */

const ENDS =
  "\\u0000-\\u0020\"<>`\\u007f-\\u00a0\\u00ab\\u00bb\\u0589\\u060c\\u061b-\\u061f\\u06d4\\u0964\\u0965\\u104a\\u104b\\u1361-\\u1368\\u1680" +
  "\\u17d4-\\u17d6\\u2000-\\u200b\\u200e\\u200f\\u2014\\u2015\\u2018\\u201a-\\u201f\\u2025\\u2026\\u2028-\\u202f\\u2039\\u203a" +
  "\\u205f-\\u206f\\u3000-\\u3003\\u3008-\\u3011\\u3014-\\u301f\\ufe10-\\ufe1f\\ufe30-\\ufe6f\\ufeff\\uff01-\\uff0f\\uff1a-\\uff20" +
  "\\uff3b-\\uff40\\uff5b-\\uff64\\ufff0-\\uffff";
const BEGINS = /(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9+.-]{0,31}:\/\/|[Ww]{3}\.|[A-Za-z0-9-]{1,63}\.[A-Za-z]{2,24}(?::[0-9]{1,5})?\/)/gu;
const STOP = new RegExp(`[${ENDS}()[\\]{}]`, "gu");
const OPENS = new Map([[")", "("], ["]", "["], ["}", "{"]]);
const TRAILING = new Set(".,:;!?'*_~|\\^([{\u2019\u00b7\u30fb");
const LABEL = "[A-Za-z0-9_\\u00a1-\\u{10ffff}\\-]{1,63}";
const LINK = new RegExp(`^[Hh][Tt][Tt][Pp][Ss]?://(?:\\[[0-9A-Fa-f:.]{2,45}\\]|${LABEL}(?:\\.${LABEL})*\\.?)(?::[0-9]{1,5})?(?:[/?#]|$)`, "u");

/** Returns the addresses in their order. Takes time proportional to the text. @param {string} text @returns {Address[]} */
export function findAddresses(text) {
  const found = [];
  BEGINS.lastIndex = 0;
  for (let begin = BEGINS.exec(text); begin; begin = BEGINS.exec(text)) {
    const address = addressAt(text, begin.index);
    found.push(address);
    BEGINS.lastIndex = Math.max(address.stop, begin.index + begin[0].length);
  }
  return found;
}

/** @param {string} text @param {number} start @returns {Address} */
function addressAt(text, start) {
  const stop = stopOf(text, start);
  let end = stop;
  while (end > start && TRAILING.has(text[end - 1])) end -= 1;
  return { start, end, stop, isLink: LINK.test(text.slice(start, end)) };
}

/**
 * Returns the index of the first character of `ENDS`, or of the first closing bracket whose opening one is before `start`. Reads
 * no further, because the next address may begin there.
 * @param {string} text @param {number} start
 */
function stopOf(text, start) {
  const depth = new Map([["(", 0], ["[", 0], ["{", 0]]);
  STOP.lastIndex = start;
  for (let match = STOP.exec(text); match; match = STOP.exec(text)) {
    const opens = OPENS.get(match[0]);
    const open = depth.get(opens ?? match[0]);
    if (open === undefined || (opens && open === 0)) return match.index;
    depth.set(opens ?? match[0], open + (opens ? -1 : 1));
  }
  return text.length;
}
