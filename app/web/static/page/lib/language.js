// The language of the page: the one that the user chose, or the first of the browser's languages that the page has. Its texts are in
// languages/ (client/ui/language.js).

import { bestOf as bestIn, currentLanguage, isRightToLeft, loadLanguage } from "/client/ui/language.js";

const KEY = "parley.language";
const CATALOGUES = {
  ar: () => import("../languages/ar.js"),
  de: () => import("../languages/de.js"),
  es: () => import("../languages/es.js"),
  fr: () => import("../languages/fr.js"),
  ja: () => import("../languages/ja.js"),
};

/** The languages of the page, each by its own name. @type {[string, string][]} */
export const LANGUAGES = [["en", "English"], ["de", "Deutsch"], ["es", "Español"], ["fr", "Français"], ["ar", "العربية"], ["ja", "日本語"]]; // not shown

/** The language that the user chose in this browser; null to follow the browser's languages. */
export function chosenLanguage() {
  return localStorage.getItem(KEY);
}

/** Takes effect when the page loads again, or with `useLanguage`. @param {string | null} tag */
export function chooseLanguage(tag) {
  if (tag === null) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, tag);
}

/** Loads the texts of the user's language. If they cannot be loaded, the page stays in English. */
export async function useLanguage() {
  const wish = chosenLanguage();
  await loadLanguage(CATALOGUES, wish ? [wish] : navigator.languages, navigator.languages);
  Object.assign(document.documentElement, { lang: currentLanguage(), dir: isRightToLeft() ? "rtl" : "ltr" });
}

/** Returns the first of the tags for which there is a catalogue, without its region. @param {readonly string[]} tags */
export const bestOf = (tags) => bestIn(CATALOGUES, tags);
