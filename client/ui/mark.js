// The status of the user's own message, as an icon and in words.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { number, t } from "./language.js";

const DRAWN = { sending: "clock", failed: "warn", stored: "check", delivered: "delivered", read: "delivered" };

/** Returns the state in words. @param {string} state */
export const markWord = (state) => ({
  sending: t("Sending"),
  failed: t("Not sent"),
  stored: t("Sent"),
  delivered: t("Delivered"),
  read: t("Read"),
})[state];

/**
 * The status icon of the user's own message: a clock, one tick, two ticks, two coloured ticks.
 * @param {{state: string, read?: number, of?: number}} mark
 */
export function markIcon({ state, read = 0, of = 0 }) {
  const words = of > 1 && read > 0 && read < of ? t("Read by {read} of {count}", { read: number(read), count: number(of) }) : markWord(state);
  return h("span.mark", { class: state, title: words, role: "img", "aria-label": words, dataset: { mark: state } }, icon(DRAWN[state]));
}
