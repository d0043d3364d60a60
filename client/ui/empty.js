import { h } from "./dom.js";
import { t } from "./language.js";
import { sentence } from "./words.js";
import { button } from "./button.js";
import { icon } from "./icons.js";

/** An empty state. */
export function empty(name, title, text, action) {
  return h("div.empty", null, icon(name), h("p.title", null, title), text ? h("p", null, text) : null, action ?? null);
}

/** An error state, with a button to try again. */
export function failure(error, retry) {
  return h("div.empty", { role: "alert" }, icon("warn"), h("p.title", null, sentence(error)), retry ? button(t("Try again"), retry) : null);
}

export function spinner(label = t("Loading")) {
  return h("div.spinner", { role: "status", "aria-label": label });
}
