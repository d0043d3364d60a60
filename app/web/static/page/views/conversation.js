// An open conversation: its header, its messages, and the composer.

import { iconButton } from "../components/button.js";
import { empty } from "../components/empty.js";
import { icon } from "../components/icons.js";
import { fill, h } from "../lib/dom.js";
import { isMuted } from "../store/conversations.js";
import { Composer } from "./composer.js";
import { face, subtitleOf, titleOf, typingText } from "./conversation_names.js";
import { messageActions } from "./message_actions.js";
import { MessageList } from "./message_list.js";

const MARK_EVERY_MS = 250;

export class ConversationView {
  #app;
  #id;
  #list = null;
  #composer = null;
  #ends = [];
  #head = h("header.conversation-head");
  #body = h("div.conversation-body");
  #blockedNote = h("p.blocked");
  #seen = 0;
  #marked = 0;
  #timer = 0;

  /** @param {any} app @param {number} id */
  constructor(app, id) {
    [this.#app, this.#id] = [app, id];
    this.element = h("section.conversation", { "aria-label": "Conversation" }, this.#head, this.#body);
    this.element.addEventListener("dragover", (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => this.#onDrop(event));
  }

  get #conversation() {
    return this.#app.store.conversations.get(this.#id);
  }

  async open(seq) {
    const { store } = this.#app;
    try {
      // Groups in the list have no members, and the read marks are part of the members.
      if (this.#conversation?.members) this.#begin(seq);
      const conversation = await store.conversations.fetch(this.#id);
      if (!this.#list) this.#begin(seq);
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

  /** Jumps to a message. */
  show(seq) {
    return this.#list?.goTo(seq);
  }

  focus() {
    if (!matchMedia("(hover: none)").matches) this.#composer?.focus();
  }

  #begin(seq) {
    const { store } = this.#app;
    const timeline = store.timeline(this.#id);
    const view = {
      reply: (message) => this.#composer.reply(message),
      edit: (message) => this.#composer.edit(message),
      jump: (target) => target && this.#list.goTo(target),
    };
    const actions = messageActions(this.#app, () => this.#conversation, view);
    const context = { store, conversation: this.#conversation, actions, findMessage: (id) => timeline.find(id) };
    this.#list = new MessageList(context, (last) => this.#onSeen(last));
    this.#composer = new Composer(this.#app, this.#id, () => this.#list.sent());
    this.#composer.onEditLast = () => this.#lastOwn(timeline);
    fill(this.#body, this.#list.element, this.#blockedNote, this.#composer.element);
    this.#listen();
    this.#drawHead();
    this.#list.open(seq);
    this.focus();
  }

  #listen() {
    const { topics } = this.#app.store;
    const id = this.#id;
    const on = (names, listener) => this.#ends.push(topics.on(names, listener));
    on([`messages:${id}`, `marks:${id}`, `conversation:${id}`, "people"], () => this.#update());
    on([`conversation:${id}`, `typing:${id}`, "presence", "people", "connection", "blocks"], () => this.#drawHead());
    on("resync", () => this.#reload());
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
    const { conversations } = this.#app.store;
    await conversations.fetch(this.#id).catch((error) => error.code === "not_found" && conversations.remove(this.#id));
    if (this.#conversation) await this.#list.refresh();
  }

  #gone(error) {
    const words = { left: "You are no longer a member of this group.", not_found: "This conversation doesn't exist, or you don't have access to it." };
    const text = words[error.code] ?? "Couldn't load this conversation.";
    const again = error.code in words ? null : h("button.button.plain", { type: "button", onclick: () => this.open() }, "Try again");
    fill(this.#head, this.#back());
    fill(this.#body, empty("info", text, "", again));
  }

  /** Marks visible messages as read while the window has the focus. */
  #onSeen(seq) {
    this.#seen = Math.max(this.#seen, seq);
    if (document.visibilityState !== "visible" || !document.hasFocus() || this.#timer) return;
    const read = this.#app.store.conversations.readSeqOf(this.#conversation ?? { lastSeq: 0, unread: 0 });
    if (this.#seen <= Math.max(read, this.#marked) && !this.#conversation?.unread) return;
    if (this.#seen <= this.#marked) return;
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

  #onDrop(event) {
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.#composer?.addFiles(files);
  }

  #back() {
    return iconButton("back", "Back to conversations", () => this.#app.go("#/"), { class: "back" });
  }

  #drawHead() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const { store } = this.#app;
    const typing = Boolean(typingText(store, conversation));
    const title = h("h1", null, titleOf(store, conversation), isMuted(conversation) ? h("span.muted-sign", { title: "Muted" }, icon("muted")) : null);
    const about = h("button.about", { type: "button", "aria-label": `${titleOf(store, conversation)}: details`, onclick: () => this.#app.toggleDetails() },
      face(store, conversation), h("span.words", null, title, h("span.subtitle", { class: typing ? "typing" : "", dataset: { role: "subtitle" } }, subtitleOf(store, conversation))));
    // The buttons are redrawn whenever somebody types, so restore the focus.
    const focused = this.#head.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    fill(this.#head, this.#back(), about,
      iconButton("search", "Search in this conversation", () => this.#app.searchIn(this.#id)),
      iconButton("info", "Details", () => this.#app.toggleDetails()));
    if (focused) [...this.#head.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === focused)?.focus();
    this.#drawBlocked(conversation);
  }

  #drawBlocked(conversation) {
    const peer = conversation.kind === "direct" ? this.#app.store.conversations.peerOf(conversation) : null;
    const blocked = peer !== null && this.#app.blocked.has(peer);
    this.#composer.element.hidden = blocked;
    this.#blockedNote.hidden = !blocked;
    if (blocked) {
      fill(this.#blockedNote, "You blocked this person. ", h("button.link", { type: "button", onclick: () => this.#app.setBlocked(peer, false) }, "Unblock"));
    }
  }
}
