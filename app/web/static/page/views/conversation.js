// An open conversation: its header, its messages, and the composer.

import { iconButton } from "/client/ui/button.js";
import { empty } from "/client/ui/empty.js";
import { icon } from "/client/ui/icons.js";
import { fill, h, reconcile } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { isMuted } from "/client/state/conversations.js";
import { Composer } from "./composer.js";
import { foldsOf } from "./folds.js";
import { face, subtitleOf, titleOf, typingText } from "/client/ui/conversation_names.js";
import { messageActions } from "./message_actions.js";
import { MessageList } from "./message_list.js";
import { roleIn } from "./roles.js";
import { signsKey, statusSigns } from "./user_status.js";

const MARK_EVERY_MS = 250;

export class ConversationView {
  #app;
  #id;
  #list = null;
  #composer = null;
  #ends = [];
  #head = h("header.conversation-head");
  #body = h("div.conversation-body");
  #blockedNote = h("p.blocked", { hidden: true });
  #seen = 0;
  #marked = 0;
  #timer = 0;

  /** @param {any} app @param {number} id */
  constructor(app, id) {
    [this.#app, this.#id] = [app, id];
    this.element = h("section.conversation", { "aria-label": t("Conversation") }, this.#head, this.#body, h("p.drop-here", { "aria-hidden": "true" }, t("Drop files here to send them")));
    this.element.addEventListener("dragover", (event) => this.#onDrag(event, true));
    this.element.addEventListener("dragleave", (event) => this.element.contains(event.relatedTarget) || this.#onDrag(event, false));
    this.element.addEventListener("drop", (event) => this.#onDrop(event));
  }

  get #conversation() {
    return this.#app.store.conversations.get(this.#id);
  }

  /** `place`: the seq or id of a message to show. */
  async open(place) {
    const { store } = this.#app;
    try {
      // Groups in the list have no members, and the read marks are part of the members.
      if (this.#conversation?.members) this.#begin(place);
      const conversation = await store.conversations.fetch(this.#id);
      if (!this.#list) this.#begin(place);
      if (conversation.markedUnread) store.markUnread(this.#id, false).catch(() => undefined); // the next read mark ends it too
      const others = conversation.members?.map((member) => member.userId) ?? [];
      await store.presence.watch(others.slice(0, 100));
    } catch (error) {
      if (!this.#list) this.#gone(error);
    }
  }

  close() {
    this.#ends.forEach((end) => end());
    this.#list?.close();
    this.#composer?.close();
    clearTimeout(this.#timer);
  }

  /** Jumps to a message, or to the newest. */
  show(seq) {
    return this.#list?.goTo(seq);
  }

  showUnread() {
    return this.#list?.showUnread();
  }

  focus() {
    if (!matchMedia("(hover: none)").matches) this.#composer?.focus();
  }

  #begin(place) {
    const { store } = this.#app;
    const timeline = store.timeline(this.#id);
    const view = {
      reply: (message) => this.#composer.reply(message),
      edit: (message) => this.#composer.edit(message),
      jump: (target) => target && this.#list.goTo(target),
    };
    const actions = messageActions(this.#app, () => this.#conversation, view);
    const folds = foldsOf(this.#app, () => this.#update());
    const context = { store, conversation: this.#conversation, actions, folds, findMessage: (id) => timeline.find(id) };
    this.#list = new MessageList(context, (last) => this.#onSeen(last));
    this.#composer = new Composer(this.#app, this.#id, () => this.#list.sent());
    this.#composer.onEditLast = () => this.#lastOwn(timeline);
    fill(this.#body, this.#list.element, this.#blockedNote, this.#composer.element);
    this.#listen();
    this.#drawHead();
    this.#list.open(place);
    const given = this.#app.takeGiven(this.#id);
    if (given) this.#composer.add(given);
    this.focus();
  }

  #listen() {
    const { topics } = this.#app.store;
    const id = this.#id;
    const on = (names, listener) => this.#ends.push(topics.on(names, listener));
    on([`messages:${id}`, `marks:${id}`, `conversation:${id}`, "people", "blocks"], () => this.#update());
    on([`conversation:${id}`, `typing:${id}`, "presence", "people", "connection", "blocks"], () => this.#drawHead());
    on("resync", () => this.#reload());
    on(`removed:${id}`, () => this.#app.go("#/"));
    const look = () => this.#list.look();
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    this.#ends.push(() => {
      window.removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    });
  }

  #update() {
    const conversation = this.#conversation;
    if (!conversation) return this.#gone({ code: "left" });
    if (!this.#list.element.isConnected) return this.#app.go(`#/c/${this.#id}`); // the user is a member again
    return this.#list.update(conversation);
  }

  /** Loads everything again after events were missed for good. */
  async #reload() {
    if (await this.#app.store.conversations.fetchAgain(this.#id)) await this.#list.refresh();
  }

  #gone(error) {
    const words = { left: t("You are no longer a member of this group."), not_found: t("This conversation doesn't exist, or you don't have access to it.") };
    const text = words[error.code] ?? t("Couldn't load this conversation.");
    const again = error.code in words ? null : h("button.button.plain", { type: "button", onclick: () => this.open() }, t("Try again"));
    reconcile(this.#head, [this.#back(), { key: "title", deps: [], make: () => h("h1.unseen", null, t("Conversation")) }]);
    fill(this.#body, empty("info", text, "", again));
  }

  /** Marks visible messages as read while the window has the focus. */
  #onSeen(seq) {
    this.#seen = Math.max(this.#seen, seq);
    if (document.visibilityState !== "visible" || !document.hasFocus() || this.#timer) return;
    const conversation = this.#conversation;
    if (!conversation || this.#seen <= this.#marked) return;
    if (this.#seen <= this.#app.store.conversations.readSeqOf(conversation) && !conversation.unread) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#marked = this.#seen;
      this.#app.store.markRead(this.#id, this.#seen);
    }, MARK_EVERY_MS);
  }

  #lastOwn(timeline) {
    const own = timeline.slice(Math.max(1, timeline.lastSeq - 50), timeline.lastSeq).reverse();
    return own.find((m) => m.senderId === this.#app.store.me.id && m.message && !m.deletedAt && m.kind !== "system");
  }

  #onDrag(event, over) {
    if (!event.dataTransfer?.types.includes("Files")) return; // not shown
    event.preventDefault(); // else the browser leaves the page for a dropped file
    this.element.classList.toggle("dropping", over && !this.#composer?.element.hidden);
  }

  #onDrop(event) {
    this.element.classList.remove("dropping");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    if (this.#composer?.element.hidden) return;
    this.#composer?.addFiles(files);
  }

  /** The button, for `reconcile`. */
  #back() {
    return { key: "back", deps: [], make: () => iconButton("back", t("Back to conversations"), () => this.#app.go("#/"), { class: "back" }) };
  }

  #drawHead() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const { store } = this.#app;
    const [name, subtitle, muted] = [titleOf(store, conversation), subtitleOf(store, conversation), isMuted(conversation)];
    const typing = Boolean(typingText(store, conversation));
    const peer = conversation.kind === "direct" ? store.people.get(store.conversations.peerOf(conversation)) : null;
    const [signs, online] = peer ? [signsKey(peer), store.presence.isOnline(peer.id)] : ["", false];
    const { avatarUrl } = peer ?? conversation;
    const title = () => h("h1", null, h("span.whole-name", { dir: "auto" }, name), peer ? statusSigns(peer) : null, muted ? h("span.muted-sign", { title: t("Muted") }, icon("muted")) : null);
    const about = () => h("button.about", { type: "button", "aria-label": t("{name}: details", { name }), onclick: () => this.#app.toggleDetails() },
      face(store, conversation), h("span.words", null, title(), h("span.subtitle", { class: typing ? "typing" : "", dataset: { role: "subtitle" } }, subtitle)));
    reconcile(this.#head, [
      this.#back(),
      { key: "about", deps: [name, signs, muted, avatarUrl, online, typing, subtitle], make: about },
      { key: "search", deps: [], make: () => iconButton("search", t("Search in this conversation"), () => this.#app.searchIn(this.#id)) },
      { key: "info", deps: [], make: () => iconButton("info", t("Details"), () => this.#app.toggleDetails()) },
    ]);
    this.#drawBlocked(conversation);
  }

  #drawBlocked(conversation) {
    const peer = conversation.kind === "direct" ? this.#app.store.conversations.peerOf(conversation) : null;
    const blocked = peer !== null && this.#app.blocked.has(peer);
    const silenced = Boolean(conversation.readOnly) && roleIn(conversation, this.#app.store.me.id) === "member";
    this.#composer.element.hidden = blocked || silenced;
    const shown = !this.#blockedNote.hidden;
    this.#blockedNote.hidden = !blocked && !silenced;
    if (silenced) this.#blockedNote.textContent = t("Only admins can write here.");
    else if (blocked && !shown) {
      fill(this.#blockedNote, t("You blocked this person."), " ", h("button.link", { type: "button", onclick: () => this.#app.setBlocked(peer, false) }, t("Unblock")));
    }
  }
}
