import { iconButton } from "/client/ui/button.js";
import { icon } from "/client/ui/icons.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { SearchResults } from "./search_results.js";

/** The panel that searches in one conversation. */
export class SearchPanel {
  #input;
  constructor(app, conversationId) {
    const narrow = () => matchMedia("(max-width: 60rem)").matches && app.closePanel();
    const results = new SearchResults(app, narrow, conversationId);
    this.#input = h("input", { type: "search", "aria-label": t("Search in this conversation"), placeholder: t("Search"), autocomplete: "off" });
    this.#input.addEventListener("input", () => results.search(this.#input.value.trim()));
    const head = h("header", null, h("h2", null, t("Search")), iconButton("close", t("Close search"), () => app.closePanel()));
    this.element = h("aside.panel", { "aria-label": t("Search in this conversation") }, head,
      h("div.search-box", null, icon("search"), this.#input), h("div.panel-body", null, results.element));
    results.search("");
  }

  focus() {
    this.#input.focus();
  }

  close() {
    // It has no listeners.
  }
}
