// The list of conversations, with the search above it.

import { avatarOf } from "../components/avatar.js";
import { button, iconButton } from "../components/button.js";
import { empty, failure, spinner } from "../components/empty.js";
import { icon } from "../components/icons.js";
import { openDialog } from "../components/dialog.js";
import { openMenu } from "../components/menu.js";
import { fill, h, reconcile } from "../lib/dom.js";
import { shortly } from "../lib/times.js";
import { conversationRow } from "./conversation_row.js";
import { newConversation, newGroup } from "./new_conversation.js";
import { countRequests, openRequests } from "./requests.js";
import { SearchResults } from "./search_results.js";

const NEAR_PX = 400;

export class Sidebar {
  #app;
  #results;
  #input;
  #scroller;
  #head;
  #rows = h("ul.rows", { "aria-label": "Conversations" });
  #shelf = h("div.shelf");
  #state = h("div.state");
  #archive = false;
  #requests = 0;

  constructor(app) {
    this.#app = app;
    this.#results = new SearchResults(app, () => this.#clear());
    this.#input = h("input", {
      type: "search", placeholder: "Search", "aria-label": "Search conversations, people and messages", autocomplete: "off", spellcheck: "false",
      oninput: () => this.#onSearch(), onkeydown: (event) => this.#onKey(event),
    });
    this.#scroller = h("div.scroller", { tabindex: "-1" }, this.#shelf, this.#rows, this.#state);
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#head = h("div.sidebar-head");
    this.element = h("nav.sidebar", { "aria-label": "Conversations" }, this.#head, h("div.search-box", null, icon("search"), this.#input),
      this.#scroller, this.#results.element);
    this.#results.element.hidden = true;
    this.#drawHead();
    const { topics } = app.store;
    topics.on(["conversations", "presence", "typing", "people", "route"], () => this.#draw());
    topics.on("people", () => this.#drawHead());
    this.#draw();
    this.#countRequests();
  }

  focusSearch() {
    this.#input.focus();
    this.#input.select();
  }

  #drawHead() {
    const { me } = this.#app.store;
    const mine = h("button.me", { type: "button", "aria-label": "Settings and profile", title: "Settings and profile", onclick: () => this.#app.openSettings() }, avatarOf(me));
    const write = iconButton("write", "New conversation", (event) => this.#newMenu(event.currentTarget), { "aria-haspopup": "menu" });
    const title = this.#archive ? "Archived" : "Parley";
    fill(this.#head, mine, h("h1.title", null, title), write);
  }

  #newMenu(anchor) {
    openMenu(anchor, [
      { label: "New conversation", icon: "person", act: () => newConversation(this.#app) },
      { label: "New group", icon: "group", act: () => newGroup(this.#app) },
      { label: this.#archive ? "Back to conversations" : "Archived conversations", icon: "archive", act: () => this.#setArchive(!this.#archive) },
      { label: "Requests", icon: "group", act: () => this.#openRequests() },
      { label: "Starred messages", icon: "star", act: () => this.#openStarred() },
      { label: "Settings", icon: "settings", act: () => this.#app.openSettings() },
    ]);
  }

  async #openRequests() {
    await openRequests(this.#app);
    await this.#countRequests();
  }

  async #countRequests() {
    this.#requests = await countRequests(this.#app.store.client);
    this.#draw();
  }

  #openStarred() {
    const { client } = this.#app.store;
    openDialog("Starred messages", (close) => {
      const [rows, state] = [h("ul.rows"), h("div.state")];
      const load = async (before) => {
        fill(state, spinner("Loading starred messages"));
        try {
          const { messages, cursor } = await client.starred({ before });
          rows.append(...messages.map((message) => h("li", null, this.#starred(message, close))));
          const end = rows.childElementCount ? [] : [empty("star", "No starred messages")];
          fill(state, ...(cursor ? [button("Show more", () => load(cursor))] : end));
        } catch (error) {
          fill(state, failure(error, () => load(before)));
        }
      };
      load();
      return h("div.results", null, rows, state);
    });
  }

  #starred(message, close) {
    const act = () => {
      close();
      this.#app.open(message.conversationId, message.seq);
    };
    const name = this.#app.store.people.name(message.senderId);
    return h("button.hit", { type: "button", onclick: act },
      h("span.top", null, h("span.name", null, name), h("span.when", null, shortly(message.sentAt))),
      h("span.snippet", null, message.message || "Attachment"));
  }

  #setArchive(on) {
    this.#archive = on;
    this.#drawHead();
    this.#draw();
    this.#shelf.querySelector("button")?.focus();
  }

  #draw() {
    const { store, route } = this.#app;
    const { conversations } = store;
    const shown = this.#archive ? conversations.archived() : conversations.list();
    reconcile(this.#rows, shown.map((conversation) => conversationRow(store, conversation, route.conversationId === conversation.id)));
    this.#drawShelf(conversations.archived());
    this.#drawState(conversations, shown);
    queueMicrotask(() => this.#onScroll()); // the list may be too short to scroll
    const peers = shown.filter((c) => c.kind === "direct").map((c) => conversations.peerOf(c));
    store.presence.watch(peers.slice(0, 500));
  }

  /** The button into the archive, if it is not empty, and out of it, below the button to waiting requests. */
  #drawShelf(archived) {
    const unread = archived.reduce((sum, conversation) => sum + conversation.unread, 0);
    const deps = [this.#archive, archived.length > 0, unread];
    const make = () => h("button.line", { type: "button", onclick: () => this.#setArchive(!this.#archive) },
      icon(this.#archive ? "back" : "archive"), h("span.grow", null, this.#archive ? "All conversations" : "Archived"),
      !this.#archive && unread ? h("span.badge.quiet", { role: "img", "aria-label": `${unread} unread` }, String(unread)) : null);
    const requests = () => h("button.line", { type: "button", onclick: () => this.#openRequests() }, icon("group"), h("span.grow", null, "Requests"),
      h("span.badge", { role: "img", "aria-label": `${this.#requests} waiting` }, String(this.#requests)));
    const lines = this.#requests ? [{ key: "requests", deps: [this.#requests], make: requests }] : [];
    reconcile(this.#shelf, this.#archive || archived.length ? [...lines, { key: "line", deps, make }] : lines);
  }

  #drawState(conversations, shown) {
    if (!conversations.ready) fill(this.#state, spinner("Loading conversations"));
    else if (conversations.failed && !shown.length) fill(this.#state, failure(conversations.failed, () => conversations.loadFirst()));
    else if (conversations.hasMore()) fill(this.#state, spinner("Loading more"));
    else if (shown.length) fill(this.#state);
    else if (this.#archive) fill(this.#state, empty("archive", "No archived conversations"));
    else if (conversations.archived().length) fill(this.#state, empty("archive", "All conversations are archived"));
    else fill(this.#state, empty("write", "No conversations yet", "Find someone and say hello.", button("Find people", () => newConversation(this.#app), "primary")));
  }

  #onSearch() {
    const query = this.#input.value.trim();
    this.#results.element.hidden = !query;
    this.#scroller.hidden = Boolean(query);
    if (query) this.#results.search(query);
  }

  #onKey(event) {
    if (event.key === "Escape") this.#clear();
    if (event.key === "ArrowDown") {
      const shown = this.#results.element.hidden ? this.#rows : this.#results.element;
      shown.querySelector("a, button")?.focus();
    }
  }

  #clear() {
    this.#input.value = "";
    this.#onSearch();
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (!clientHeight) return; // hidden behind the conversation on a phone, or by the search: no need to load more
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) this.#app.store.conversations.loadMore().catch(() => undefined);
  }
}
