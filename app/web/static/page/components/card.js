import { h } from "/client/ui/dom.js";

/** A part of a panel or a dialog, below its title. */
export const card = (title, ...content) => h("section.card", { "aria-label": title }, h("h3", null, title), content);
