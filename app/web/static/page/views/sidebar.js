// The list of conversations, with the search above it.

import { avatarOf } from "/client/ui/avatar.js";
import { button, iconButton } from "/client/ui/button.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { icon } from "/client/ui/icons.js";
import { later } from "../components/later.js";
import { openMenu } from "../components/menu.js";
import { fill, h, reconcile } from "/client/ui/dom.js";
import { isComposing } from "/client/ui/input_method.js";
import { ariaKeys } from "../lib/keys.js";
import { number, plural, t } from "/client/ui/language.js";
import { conversationRow } from "./conversation_row.js";
import { openSheet } from "./shortcuts.js";

const NEAR_PX = 400;
/** The search is loaded when its field gets the focus, so it is usually there before somebody types. */
const loadResults = () => import("./search_results.js");

export class Sidebar {
  #app;
  /** @type {any} */ #results = null;
  #input;
  #scroller;
  #head;
  #rows = h("ul.rows", { "aria-label": t("Conversations") });
  #shelf = h("div.shelf");
  #state = h("div.state");
  #archive = false;

  constructor(app) {
    this.#app = app;
    this.#input = h("input", {
      type: "search", placeholder: t("Search"), "aria-label": t("Search conversations, people and messages"), autocomplete: "off", spellcheck: "false", "aria-keyshortcuts": ariaKeys("Mod+K"),
      onfocus: () => loadResults().catch(() => undefined), oninput: () => this.#onSearch(), onkeydown: (event) => this.#onKey(event),
    });
    this.#scroller = h("div.scroller", { tabindex: "-1" }, this.#shelf, this.#rows, this.#state);
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#head = h("div.sidebar-head");
    this.element = h("nav.sidebar", { "aria-label": t("Conversations") }, this.#head, h("div.search-box", null, icon("search"), this.#input),
      this.#scroller);
    this.#drawHead();
    const { topics } = app.store;
    topics.on(["conversations", "presence", "typing", "people", "route", "blocks", "requests"], () => this.#draw());
    topics.on("people", () => this.#drawHead());
    this.#draw();
  }

  focusSearch() {
    this.#input.focus();
    this.#input.select();
  }

  #drawHead() {
    const { me } = this.#app.store;
    const mine = () => h("button.me", { type: "button", "aria-label": t("Settings and profile"), title: t("Settings and profile"), onclick: () => this.#app.openSettings() }, avatarOf(me));
    const write = () => iconButton("write", t("New conversation"), (event) => this.#newMenu(event.currentTarget), { "aria-haspopup": "menu" });
    const title = this.#archive ? t("Archived") : "Parley";
    reconcile(this.#head, [
      { key: "me", deps: [me.displayName, me.avatarUrl], make: mine },
      { key: "title", deps: [title], make: () => h("h1.title", null, title) },
      { key: "write", deps: [], make: write },
    ]);
  }

  #newMenu(anchor) {
    openMenu(anchor, [
      { label: t("New conversation"), icon: "person", act: () => this.#newConversation() },
      { label: t("New group"), icon: "group", act: () => later(import("./new_conversation.js"), ({ newGroup }) => newGroup(this.#app)) },
      { label: this.#archive ? t("Back to conversations") : t("Archived conversations"), icon: "archive", act: () => this.#setArchive(!this.#archive) },
      { label: t("Requests"), icon: "group", act: () => this.#openRequests() },
      { label: t("Starred messages"), icon: "star", act: () => this.#openStarred() },
      { label: t("Settings"), icon: "settings", act: () => this.#app.openSettings() },
      { label: t("Keyboard shortcuts"), icon: "info", act: () => openSheet() },
    ]);
  }

  #newConversation() {
    return later(import("./new_conversation.js"), ({ newConversation }) => newConversation(this.#app));
  }

  #openRequests() {
    return later(import("./requests.js"), ({ openRequests }) => openRequests(this.#app));
  }

  #openStarred() {
    return later(import("./starred.js"), ({ openStarred }) => openStarred(this.#app));
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
    const archived = conversations.archived();
    const shown = this.#archive ? archived : conversations.list();
    reconcile(this.#rows, shown.map((conversation) => conversationRow(store, conversation, route.conversationId === conversation.id)));
    this.#drawShelf(archived);
    this.#drawState(conversations, shown, archived);
    queueMicrotask(() => this.#onScroll()); // the list may be too short to scroll
    const peers = shown.filter((c) => c.kind === "direct").map((c) => conversations.peerOf(c));
    store.presence.watch(peers.slice(0, 500));
  }

  /** The button to the requests that wait, and below it the button into or out of the archive. */
  #drawShelf(archived) {
    const unread = archived.reduce((sum, conversation) => sum + conversation.unread, 0);
    const deps = [this.#archive, archived.length > 0, unread];
    const make = () => h("button.line", { type: "button", onclick: () => this.#setArchive(!this.#archive) },
      icon(this.#archive ? "back" : "archive"), h("span.grow", null, this.#archive ? t("All conversations") : t("Archived")),
      !this.#archive && unread ? h("span.badge.quiet", { role: "img", "aria-label": plural(unread, "{count} unread message", "{count} unread messages") }, number(unread)) : null);
    const { count } = this.#app.requests;
    const requests = () => h("button.line", { type: "button", onclick: () => this.#openRequests() }, icon("group"), h("span.grow", null, t("Requests")),
      h("span.badge", { role: "img", "aria-label": plural(count, "{count} request", "{count} requests") }, number(count)));
    const lines = count ? [{ key: "requests", deps: [count], make: requests }] : [];
    reconcile(this.#shelf, this.#archive || archived.length ? [...lines, { key: "line", deps, make }] : lines);
  }

  #drawState(conversations, shown, archived) {
    if (!conversations.ready) fill(this.#state, spinner(t("Loading conversations")));
    else if (conversations.failed && !shown.length) fill(this.#state, failure(conversations.failed, () => conversations.loadFirst()));
    else if (conversations.hasMore()) fill(this.#state, spinner(t("Loading more")));
    else if (shown.length) fill(this.#state);
    else if (this.#archive) fill(this.#state, empty("archive", t("No archived conversations")));
    else if (archived.length) fill(this.#state, empty("archive", t("All conversations are archived")));
    else fill(this.#state, empty("write", t("No conversations yet"), t("Find someone and say hello."), button(t("Find people"), () => this.#newConversation(), "primary")));
  }

  async #onSearch() {
    if (this.#query && !this.#results) await later(loadResults(), ({ SearchResults }) => this.#addResults(SearchResults));
    const searching = Boolean(this.#query && this.#results);
    this.#scroller.hidden = searching;
    if (this.#results) this.#results.element.hidden = !searching;
    if (searching) this.#results.search(this.#query);
  }

  get #query() {
    return this.#input.value.trim();
  }

  #addResults(SearchResults) {
    if (this.#results) return;
    this.#results = new SearchResults(this.#app, () => this.#clear());
    this.element.append(this.#results.element);
  }

  #onKey(event) {
    if (isComposing(event)) return;
    if (event.key === "Escape") this.#clear();
    if (event.key === "ArrowDown") {
      const shown = this.#scroller.hidden ? this.#results.element : this.#rows;
      shown.querySelector("a, button")?.focus();
    }
  }

  #clear() {
    this.#input.value = "";
    this.#results?.clear();
    this.#onSearch();
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (!clientHeight) return; // hidden behind the conversation on a phone, or by the search: no need to load more
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) this.#app.store.conversations.loadMore().catch(() => undefined);
  }
}
