import { h } from "/client/ui/dom.js";
import { shortly } from "/client/ui/times.js";

/** A message in a list of found ones, which a click shows in its place. `name` and `snippet` are texts or elements. */
export const hit = (name, sentAt, snippet, onclick) => h("button.hit", { type: "button", onclick },
  h("span.top", null, h("span.name", { dir: "auto" }, name), h("span.when", null, shortly(sentAt))),
  h("span.snippet", { dir: "auto" }, snippet));
