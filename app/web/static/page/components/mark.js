import { h } from "../lib/dom.js";
import { MARK_WORDS } from "../store/marks.js";
import { icon } from "./icons.js";

const DRAWN = { sending: "clock", failed: "warn", stored: "check", delivered: "delivered", read: "delivered" };

/**
 * The status icon of the user's own message: a clock, one tick, two ticks, two coloured ticks.
 * @param {{state: string, read?: number, of?: number}} mark
 */
export function markIcon({ state, read, of }) {
  const words = of > 1 && read > 0 && read < of ? `Read by ${read} of ${of}` : MARK_WORDS[state];
  return h("span.mark", { class: state, title: words, role: "img", "aria-label": words, dataset: { mark: state } }, icon(DRAWN[state]));
}
