import { h } from "/client/ui/dom.js";
import { icon } from "/client/ui/icons.js";

/** A button as wide as its card, for lists of actions. */
export function line(name, label, onclick, danger = false) {
  return h("button.line", { type: "button", onclick, class: danger ? "danger" : "" }, icon(name), h("span", null, label));
}
