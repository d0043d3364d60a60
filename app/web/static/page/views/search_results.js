// Search results: conversations, people, messages.

import { avatarOf } from "/client/ui/avatar.js";
import { busy, button } from "/client/ui/button.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { hit } from "../components/hit.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { atName, t } from "/client/ui/language.js";
import { face, titleOf } from "/client/ui/conversation_names.js";
import { folded } from "/client/ui/folded.js";
import { liveText } from "./live_text.js";
import { SearchFilters } from "./search_filters.js";

const WAIT_MS = 200;
// The server looks for a bounded time and may answer with an empty page. After so many, the user decides whether to go on.
const MAX_EMPTY_PAGES = 10;

export class SearchResults {
  #app;
  #done;
  #filters;
  #query = "";
  #found = h("div", { "aria-live": "polite" });
  #timer = 0;
  #number = 0;

  /** @param {any} app @param {() => void} done called when the user chooses a result @param {number} [conversationId] search only here */
  constructor(app, done, conversationId) {
    [this.#app, this.#done] = [app, done];
    this.conversationId = conversationId;
    this.#filters = new SearchFilters(app, () => this.search(this.#query), conversationId);
    this.element = h("div.results", null, this.#filters.element, this.#found);
  }

  search(query) {
    clearTimeout(this.#timer);
    this.#query = query;
    const number = (this.#number += 1);
    if (!query && !this.#filters.selective) {
      fill(this.#found, empty("search", t("Search messages"), t("Finds words, parts of words, and names of files.")));
      return;
    }
    if (!this.#found.childElementCount) fill(this.#found, spinner(t("Searching")));
    this.#timer = setTimeout(() => this.#ask(query, number), WAIT_MS);
  }

  /** Forgets the filters. */
  clear() {
    this.#filters.clear();
  }

  async #ask(query, number) {
    const { client } = this.#app.store;
    // Filters are about messages.
    const withPeople = query && !this.conversationId && !this.#filters.any;
    const people = withPeople ? client.findUsers(query).then((found) => found.users ?? found) : Promise.resolve([]);
    const [users, page] = await Promise.allSettled([people, this.#page(query, number)]);
    if (number !== this.#number) return; // there is a newer search
    if (page.status === "rejected" && (users.status === "rejected" || !withPeople)) {
      fill(this.#found, failure(page.reason, () => this.search(query)));
    } else {
      const found = page.status === "fulfilled" ? page.value : { messages: [] };
      this.#draw(query, users.status === "fulfilled" ? users.value : [], found, withPeople);
    }
  }

  /** Requests messages, from `cursor` on, until there are some or the server has searched all. */
  async #page(query, number, cursor) {
    const { client } = this.#app.store;
    const which = { q: query || undefined, conversationId: this.conversationId, ...this.#filters.values };
    let page = await client.search({ ...which, cursor });
    for (let n = 0; n < MAX_EMPTY_PAGES && page.hasMore && !page.messages.length && number === this.#number; n += 1) {
      page = await client.search({ ...which, cursor: page.cursor });
    }
    return page;
  }

  #draw(query, users, page, withPeople) {
    const { store } = this.#app;
    store.people.put(...users);
    const wanted = folded(query);
    const matches = (conversation) => folded(titleOf(store, conversation)).includes(wanted);
    const conversations = withPeople ? store.conversations.list().filter(matches).slice(0, 8) : [];
    const messages = h("ul.rows", null, this.#rows(page));
    const sections = [
      section(t("Conversations"), conversations.map((conversation) => this.#conversation(conversation))),
      section(t("People"), users.map((user) => this.#person(user))),
      page.messages.length || page.hasMore ? h("section", null, h("h2", null, t("Messages")), messages, this.#more(query, page, messages)) : null,
    ];
    if (sections.some(Boolean)) fill(this.#found, ...sections);
    else fill(this.#found, empty("search", t("No results"), query ? t("Nothing matches “{query}”.", { query }) : t("Nothing matches these filters.")));
  }

  #rows(page) {
    return page.messages.map((message) => h("li", null, this.#message(message)));
  }

  /** The button that shows older messages, if there may be any. */
  #more(query, page, rows) {
    if (!page.hasMore) return null;
    const number = this.#number;
    const act = async () => {
      const next = await this.#page(query, number, page.cursor);
      if (number !== this.#number) return;
      const added = this.#rows(next);
      rows.append(...added);
      const after = this.#more(query, next, rows);
      if (after) more.replaceWith(after);
      else more.remove();
      (added[0]?.querySelector("button") ?? after)?.focus();
    };
    const more = button(t("Show older"), () => busy(more, act, toastError), "plain");
    return more;
  }

  #conversation(conversation) {
    const { store } = this.#app;
    const act = () => this.#choose(() => this.#app.open(conversation.id));
    return h("button.person", { type: "button", onclick: act }, face(store, conversation), h("span.name", { dir: "auto" }, titleOf(store, conversation)));
  }

  #person(user) {
    const act = () => this.#choose(() => this.#app.openDirect(user.id));
    return h("button.person", { type: "button", onclick: act, dataset: { user: user.username } }, avatarOf(user),
      h("span.words", null, h("span.name", { dir: "auto" }, user.displayName), h("span.detail", null, atName(user.username))));
  }

  #message(message) {
    const { store } = this.#app;
    const act = () => this.#choose(() => this.#app.open(message.conversationId, message.seq));
    const conversation = store.conversations.get(message.conversationId);
    const place = conversation && !this.conversationId ? titleOf(store, conversation) : liveText(store, () => store.people.name(message.senderId));
    return hit(place, message.sentAt, highlighted(message.snippet ?? message.message ?? "", message.highlights), act);
  }

  async #choose(act) {
    this.#done();
    try {
      await act();
    } catch (error) {
      toastError(error);
    }
  }
}

function section(title, rows) {
  return rows.length ? h("section", null, h("h2", null, title), h("ul.rows", null, rows.map((row) => h("li", null, row)))) : null;
}

/** Marks the hits of a search in its snippet. `highlights` are [start, length] in code points. */
function highlighted(snippet, highlights = []) {
  const points = [...snippet];
  const parts = [];
  let from = 0;
  for (const [start, length] of highlights) {
    parts.push(points.slice(from, start).join(""), h("mark", null, points.slice(start, start + length).join("")));
    from = start + length;
  }
  return [...parts, points.slice(from).join("")];
}
