// Search results: conversations, people, messages.

import { avatarOf } from "../components/avatar.js";
import { empty, failure, spinner } from "../components/empty.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { highlighted } from "../lib/text.js";
import { shortly } from "../lib/times.js";
import { face, titleOf } from "./conversation_names.js";

const WAIT_MS = 200;

export class SearchResults {
  element = h("div.results", { "aria-live": "polite" });
  #app;
  #done;
  #timer = 0;
  #number = 0;

  /** @param {any} app @param {() => void} done called when the user chooses a result @param {number} [conversationId] search only here */
  constructor(app, done, conversationId) {
    [this.#app, this.#done] = [app, done];
    this.conversationId = conversationId;
  }

  search(query) {
    clearTimeout(this.#timer);
    const number = (this.#number += 1);
    if (!this.element.childElementCount) fill(this.element, spinner("Searching"));
    this.#timer = setTimeout(() => this.#ask(query, number), WAIT_MS);
  }

  async #ask(query, number) {
    const { client } = this.#app.store;
    const where = this.conversationId ? { conversationId: this.conversationId } : {};
    const people = this.conversationId ? Promise.resolve([]) : client.findUsers(query).then((found) => found.users ?? found);
    const [users, messages] = await Promise.allSettled([people, client.search({ q: query, ...where })]);
    if (number !== this.#number) return; // there is a newer search
    if (users.status === "rejected" && messages.status === "rejected") {
      fill(this.element, failure(users.reason, () => this.search(query)));
    } else {
      const hits = messages.status === "fulfilled" ? messages.value.messages : [];
      this.#draw(query, users.status === "fulfilled" ? users.value : [], hits);
    }
  }

  #draw(query, users, messages) {
    const { store } = this.#app;
    store.people.put(...users);
    const wanted = query.toLowerCase();
    const matches = (conversation) => titleOf(store, conversation).toLowerCase().includes(wanted);
    const conversations = this.conversationId ? [] : store.conversations.list().filter(matches).slice(0, 8);
    const sections = [
      section("Conversations", conversations.map((conversation) => this.#conversation(conversation))),
      section("People", users.map((user) => this.#person(user))),
      section("Messages", messages.map((message) => this.#message(message))),
    ];
    if (sections.some(Boolean)) fill(this.element, ...sections);
    else fill(this.element, empty("search", "No results", `Nothing matches “${query}”.`));
  }

  #conversation(conversation) {
    const { store } = this.#app;
    const act = () => this.#choose(() => this.#app.open(conversation.id));
    return h("button.person", { type: "button", onclick: act }, face(store, conversation), h("span.name", null, titleOf(store, conversation)));
  }

  #person(user) {
    const act = () => this.#choose(() => this.#app.openDirect(user.id));
    return h("button.person", { type: "button", onclick: act, dataset: { user: user.username } }, avatarOf(user),
      h("span.words", null, h("span.name", null, user.displayName), h("span.detail", null, `@${user.username}`)));
  }

  #message(message) {
    const { store } = this.#app;
    const act = () => this.#choose(() => this.#app.open(message.conversationId, message.seq));
    const conversation = store.conversations.get(message.conversationId);
    const place = conversation && !this.conversationId ? titleOf(store, conversation) : store.people.name(message.senderId);
    return h("button.hit", { type: "button", onclick: act }, h("span.top", null, h("span.name", null, place), h("span.when", null, shortly(message.sentAt))),
      h("span.snippet", null, highlighted(message.snippet ?? message.message ?? "", message.highlights)));
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
