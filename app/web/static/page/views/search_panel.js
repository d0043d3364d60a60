import { iconButton } from "../components/button.js";
import { empty } from "../components/empty.js";
import { icon } from "../components/icons.js";
import { fill, h } from "../lib/dom.js";
import { SearchResults } from "./search_results.js";

/** Search in one conversation, beside it. */
export class SearchPanel {
  #input;
  constructor(app, conversationId) {
    const narrow = () => matchMedia("(max-width: 60rem)").matches && app.closePanel();
    const results = new SearchResults(app, narrow, conversationId);
    const hint = () => fill(results.element, empty("search", "Search in this conversation", "Whole words, as they were written."));
    this.#input = h("input", { type: "search", "aria-label": "Search in this conversation", placeholder: "Search", autocomplete: "off" });
    this.#input.addEventListener("input", () => (this.#input.value.trim() ? results.search(this.#input.value.trim()) : hint()));
    const head = h("header", null, h("h2", null, "Search"), iconButton("close", "Close the search", () => app.closePanel()));
    this.element = h("aside.panel", { "aria-label": "Search in this conversation" }, head,
      h("div.search-box", null, icon("search"), this.#input), h("div.panel-body", null, results.element));
    hint();
  }

  focus() {
    this.#input.focus();
  }

  close() {
    // Nothing is listened to.
  }
}
