import { h } from "../lib/dom.js";
import { icon } from "./icons.js";

/** A button as wide as its card, for lists of actions. */
export function line(name, label, onclick, danger = false) {
  return h("button.line", { type: "button", onclick, class: danger ? "danger" : "" }, icon(name), h("span", null, label));
}
