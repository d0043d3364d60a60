// Names without case, accents and characters that do not show, to compare them.

/** Letters and marks that are written differently and do not decompose, as the server folds them (app/core/search_text.py). */
const SAME = new Map([
  ...pairs("øđłħŧıŋðґىیکٱڪےةہھەۃ", "odlhtindгييكاكيههههه"),
  ["ß", "ss"], ["æ", "ae"], ["œ", "oe"], ["þ", "th"],
  ..."‘’‚‛′ʹʻʼʽ`׳".split("").map((mark) => /** @type {[string, string]} */ ([mark, "'"])),
  ..."‐‒–—―−⁃".split("").map((mark) => /** @type {[string, string]} */ ([mark, "-"])),
]);
const DIFFERENT = new RegExp(`[${[...SAME.keys()].join("")}]`, "gu");

/** @param {string} from @param {string} to @returns {[string, string][]} */
function pairs(from, to) {
  return [...from].map((letter, index) => [letter, [...to][index]]);
}

/** Returns the text without case, accents and characters that do not show, to compare names. */
export function folded(text) {
  const bare = text.normalize("NFKD").replace(/[\p{M}\p{Cf}\u0640]/gu, "").toLowerCase();
  return bare.replace(DIFFERENT, (letter) => SAME.get(letter) ?? letter).normalize("NFC");
}
