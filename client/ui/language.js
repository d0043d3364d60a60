// The language of the texts that people see: plurals, numbers, lists, and the direction in which they are written.
//
// Texts are written in English, in the code that shows them. A catalogue has them in another language. The page and the widget
// load one before they draw anything. So call `t` while drawing, never while a module loads: `make check` finds mistakes.

const FIRST_ISOLATE = "\u2068";
const END_ISOLATE = "\u2069";
const RIGHT_TO_LEFT = new Set(["ar"]);
const RIGHT_TO_LEFT_LETTERS = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

let language = "en";
let region = "en"; // the language with the user's region, for times and numbers
/** @type {Object<string, any>} */
let texts = {};
const formats = new Map();

/** @param {string} tag without a region @param {Object<string, any>} catalogue @param {readonly string[]} tags that the user prefers */
function setLanguage(tag, catalogue, tags) {
  [language, texts] = [tag, catalogue];
  region = regional(tag, tags);
  formats.clear();
}

/** The present language, without a region. */
export const currentLanguage = () => language;

/**
 * Loads the catalogue that fits the wanted languages best. If it cannot be loaded, the texts stay in English.
 * @param {Object<string, () => Promise<{ texts: Object<string, any> }>>} catalogues @param {readonly string[]} wanted
 * @param {readonly string[]} [tags] that the user prefers, for times and numbers
 */
export async function loadLanguage(catalogues, wanted, tags = wanted) {
  const best = bestOf(catalogues, wanted);
  try {
    setLanguage(best, best === "en" ? {} : (await catalogues[best]()).texts, tags);
  } catch (error) {
    reportError(error);
    setLanguage("en", {}, tags);
  }
}

/**
 * Returns the language with the user's region, because the clock and the order of day and month depend on where people live:
 * English for somebody whose browser prefers Swedish is "en-SE", with 24 hours. @param {string} base @param {readonly string[]} tags
 */
export function regional(base, tags) {
  const own = tags.find((tag) => baseOf(tag) === base && tag !== base);
  const [first] = tags;
  if (!first || first === base) return own ?? base;
  return baseOf(first) === base ? first : `${base}-${new Intl.Locale(first).maximize().region}`;
}

/** Returns the first of the tags for which there is a catalogue, without its region. @param {Object<string, any>} catalogues @param {readonly string[]} tags */
export function bestOf(catalogues, tags) {
  return tags.map(baseOf).find((base) => base === "en" || base in catalogues) ?? "en";
}

const baseOf = (tag) => tag.toLowerCase().split("-")[0];

export const isRightToLeft = () => RIGHT_TO_LEFT.has(language);

/** Returns the text in the user's language. @param {string} text in English, with {placeholders} @param {Object<string, any>} [values] */
export function t(text, values = {}) {
  return filled(texts[text] ?? text, values);
}

/**
 * Returns the form for the number, which is the value of {count}. The catalogues have it under `many`.
 * @param {number} count @param {string} one @param {string} many @param {Object<string, any>} [values]
 */
export function plural(count, one, many, values = {}) {
  const form = format("plural", Intl.PluralRules).select(count);
  const forms = texts[many] ?? { one, other: many };
  return filled(forms[form] ?? forms.other, { count: number(count), ...values });
}

/** Returns the text with elements in the places of its placeholders, for `h`. @param {string} text @param {Object<string, any>} nodes */
export function parts(text, nodes) {
  const pieces = (texts[text] ?? text).split(/\{(\w+)\}/u);
  return pieces.map((piece, index) => (index % 2 ? nodes[piece] : piece));
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/gu, (_all, name) => isolated(String(values[name])));
}

/** Keeps a name that is written in the other direction from moving its neighbours. */
function isolated(value) {
  if (!isRightToLeft() && !RIGHT_TO_LEFT_LETTERS.test(value)) return value;
  return /^[\p{N}]*$/u.test(value) ? value : `${FIRST_ISOLATE}${value}${END_ISOLATE}`;
}

/** "@ann", in one piece in both directions of writing. @param {string} username */
export const atName = (username) => (isRightToLeft() ? `\u2066@${username}\u2069` : `@${username}`);

/** Returns a formatter of `Intl` for the user's language; the same options must have the same `name`. */
export function format(name, Kind, options = {}) {
  if (!formats.has(name)) formats.set(name, new Kind(localeOf(name), options));
  return formats.get(name);
}

/** Plural forms are those of the catalogue. Lists in English have no comma before "and". */
function localeOf(name) {
  if (name === "plural") return language;
  return name === "list" && language === "en" ? "en-GB" : region;
}

/** @param {number} value @param {number} [digits] after the decimal point */
export function number(value, digits = 0) {
  return format(`number ${digits}`, Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** "Ann", "Ann and Bob", "Ann, Bob and 3 others" */
export function listed(names) {
  const others = names.length - 2;
  const shown = names.length <= 3 ? names : [...names.slice(0, 2), plural(others, "{count} other", "{count} others")];
  return format("list", Intl.ListFormat, { type: "conjunction" }).format(shown.map(isolated));
}
