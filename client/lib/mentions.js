// Mentions in a text: @username, and the words that address a group. app/core/mentions.py implements the same grammar
// and describes it; both pass the vectors of tests/vectors/mentions.json.

import { findAddresses } from "./links.js";

/**
 * A possible mention. The names are in lower case, the longest first. It means the longest one that somebody has. A name
 * of n characters takes the first n characters after the `@`.
 * @typedef {{start: number, end: number, names: string[]}} FoundMention
 */

const MAX_NAME = 32;
const MIN_NAME = 3;
const AT = "@\\uff20\\ufe6b";
const NAME = "A-Za-z0-9_.\\-\\uff21-\\uff3a\\uff41-\\uff5a\\uff10-\\uff19\\uff3f\\uff0e\\uff0d";
const MENTION = new RegExp(
  `(?<![A-Za-z0-9${AT}])[${AT}]([${NAME}]+)(?![${NAME}]|[${AT}][A-Za-z0-9\\-]{1,63}\\.[A-Za-z])`, "gu",
);
const MARKS = "._-";
const LAST_MARKS = /^[._-]*$/u;

/** Words that address members without naming them. */
export const GROUP_WORDS = ["all", "here", "online"];

/** Returns the possible mentions. Takes time proportional to the text. @param {string} text @returns {FoundMention[]} */
export function findMentions(text) {
  if (!/[@\uff20\ufe6b]/u.test(text)) return [];
  const addresses = findAddresses(text);
  const found = [];
  let at = 0;
  for (const match of text.matchAll(MENTION)) {
    const start = match.index ?? 0;
    while (at < addresses.length && addresses[at].end <= start) at += 1;
    if (at < addresses.length && addresses[at].start <= start) continue;
    const names = possibleNames(match[1].replace(/[\uff01-\uff5e]/gu, narrow).toLowerCase());
    if (names.length) found.push({ start, end: start + match[0].length, names });
  }
  return found;
}

/** @param {string} wide */
const narrow = (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0);

/** @param {string} run @returns {string[]} */
function possibleNames(run) {
  const names = [];
  for (let length = Math.min(run.length, MAX_NAME); length >= MIN_NAME; length -= 1) {
    if (mayEnd(run, length)) names.push(run.slice(0, length));
  }
  return names;
}

/** Returns whether a name may end here: at the end, before the last marks, or next to two marks in a row. @param {string} run @param {number} length */
function mayEnd(run, length) {
  if (length === run.length || LAST_MARKS.test(run.slice(length))) return true;
  if (!MARKS.includes(run[length])) return false;
  return MARKS.includes(run[length - 1]) || MARKS.includes(run[length + 1]);
}
