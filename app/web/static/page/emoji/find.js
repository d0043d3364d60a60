// Finds emoji by their names. This module brings the list of all emoji, so it is loaded when it is first needed.

import { folded } from "/client/ui/folded.js";
import { currentLanguage } from "/client/ui/language.js";
import { EMOJI } from "./data.js";

/**
 * @typedef {{emoji: string, name: string, english: string, words: string[], tones: number, keys?: string[][]}} Emoji
 * `words` begin with the short name; `keys` are the folded words of the names, then those of the keywords.
 */

// Names in other languages than English.
const NAMES = {
  ar: () => import("./names/emoji-ar.js"),
  de: () => import("./names/emoji-de.js"),
  es: () => import("./names/emoji-es.js"),
  fr: () => import("./names/emoji-fr.js"),
  ja: () => import("./names/emoji-ja.js"),
};
const WITHOUT_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** @type {{name: string, emoji: Emoji[]}[]} */
export const GROUPS = EMOJI.map(([name, list]) => ({ name, emoji: list.map(entry) }));

const ALL = GROUPS.flatMap(({ emoji }) => emoji);
let naming;

/** @returns {Emoji} */
function entry([emoji, name, words, tones]) {
  return { emoji, name, english: name, words: words ? words.split(" ") : [], tones };
}

/** Loads the names in the user's language. Emoji are also found by their English names. */
export function loadNames() {
  naming ??= addNames().catch(() => {
    naming = undefined; // the English names remain, and the next call tries again
  });
  return naming;
}

async function addNames() {
  const load = NAMES[currentLanguage()];
  if (!load) return;
  const { NAMES: names } = await load();
  names.forEach((line, index) => {
    const [name, words = ""] = line.split("|");
    const one = ALL[index];
    Object.assign(one, { name, words: [...one.words, ...words.split(" ").filter(Boolean)], keys: undefined });
  });
}

/** Hiragana and katakana are the same, as are letters with and without accents. */
const key = (text) => folded(text).replace(/[ァ-ヶ]/gu, (kana) => String.fromCharCode(kana.charCodeAt(0) - 0x60));

const wordsIn = (text) => key(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);

/** The words of a query; "+1" stays as it is. */
const wordsOf = (query) => key(query).split(/[\s_:]+/u).flatMap((word) => (/^[+-]/u.test(word) ? [word] : wordsIn(word)));

/**
 * Returns the emoji for each word of the query, the best first: a word of the name or a keyword begins with it.
 * @param {string} query @param {number} [limit]
 */
export function findEmoji(query, limit = 200) {
  const wanted = wordsOf(query);
  if (!wanted.length) return [];
  const scored = ALL.map((one) => ({ one, score: scoreOf(one, wanted) })).filter(({ score }) => score > 0);
  return scored.sort((a, b) => b.score - a.score).slice(0, limit).map(({ one }) => one);
}

/** @param {Emoji} one @param {string[]} wanted */
function scoreOf(one, wanted) {
  one.keys ??= [wordsIn(one.name), wordsIn(one.english), one.words.flatMap((word) => [key(word), ...wordsIn(word)])];
  const [name, english] = one.keys;
  if (!wanted.every((part) => one.keys.some((words) => words.some((word) => fits(word, part))))) return 0;
  const whole = wanted.join("_");
  const short = 1 / (1 + name.join("").length); // "red heart" before "heart with arrow"
  const begins = (words, part) => words.some((word) => fits(word, part));
  if ([one.words[0], name.join("_"), english.join("_")].includes(whole)) return 5;
  if (wanted.every((part) => name.includes(part))) return 4 + short;
  if (one.words[0]?.startsWith(whole) || name[0]?.startsWith(wanted[0])) return 3 + short;
  return (begins(name, wanted[0]) || one.keys[2].includes(whole) ? 2 : 1) + short;
}

/** Scripts without spaces do not show where a word begins. */
const fits = (word, part) => word.startsWith(part) || (WITHOUT_SPACES.test(part) && word.includes(part));

/** Returns the emoji of a short name such as "smile" or of a name such as "rotes_herz", or undefined. @param {string} name */
export function emojiNamed(name) {
  const wanted = wordsIn(name).join("_");
  const short = key(name);
  return ALL.find(({ words }) => words[0] === short) ?? ALL.find((one) => [one.name, one.english].some((full) => wordsIn(full).join("_") === wanted));
}

/** Returns the emoji in a skin tone. @param {Emoji} one @param {string} tone empty for none */
export function toned({ emoji, tones }, tone) {
  if (!tone || !tones) return emoji;
  const [first, ...rest] = emoji;
  const begun = first + tone + rest.join("").replace(/^\ufe0f/u, "");
  return tones === 2 ? begun + tone : begun;
}
