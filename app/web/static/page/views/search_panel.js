import { iconButton } from "../components/button.js";
import { empty } from "../components/empty.js";
import { icon } from "../components/icons.js";
import { fill, h } from "../lib/dom.js";
import { SearchResults } from "./search_results.js";

/** The panel that searches in one conversation. */
export class SearchPanel {
  #input;
  constructor(app, conversationId) {
    const narrow = () => matchMedia("(max-width: 60rem)").matches && app.closePanel();
    const results = new SearchResults(app, narrow, conversationId);
    const hint = () => fill(results.element, empty("search", "Search in this conversation", "Finds whole words."));
    this.#input = h("input", { type: "search", "aria-label": "Search in this conversation", placeholder: "Search", autocomplete: "off" });
    this.#input.addEventListener("input", () => (this.#input.value.trim() ? results.search(this.#input.value.trim()) : hint()));
    const head = h("header", null, h("h2", null, "Search"), iconButton("close", "Close search", () => app.closePanel()));
    this.element = h("aside.panel", { "aria-label": "Search in this conversation" }, head,
      h("div.search-box", null, icon("search"), this.#input), h("div.panel-body", null, results.element));
    hint();
  }

  focus() {
    this.#input.focus();
  }

  close() {
    // It has no listeners.
  }
}
