// One conversation: its name, its messages, and the field to write.

import { iconButton } from "../ui/button.js";
import { face, subtitleOf, titleOf } from "../ui/conversation_names.js";
import { fill, h } from "../ui/dom.js";
import { empty } from "../ui/empty.js";
import { t } from "../ui/language.js";
import { shortText } from "../ui/system_text.js";
import { Composer } from "./composer.js";
import { connectionLine } from "./connection_line.js";
import { closeButton } from "./frame_buttons.js";
import { MessageList } from "./message_list.js";

const MARK_EVERY_MS = 500;

export class ConversationView {
  #store;
  #id;
  #acts;
  #list;
  #composer;
  #line;
  #head = h("header.head", null);
  #note = h("p.note", { hidden: true }, t("Only admins can write here."));
  #said = h("p.unseen", { role: "status" });
  #seen = 0;
  #marked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {(() => void)[]} */ #ends = [];

  /** @param {any} store @param {number} id @param {{ back?: () => void, close: (() => void) | null }} acts */
  constructor(store, id, acts) {
    [this.#store, this.#id, this.#acts] = [store, id, acts];
    this.#composer = new Composer(store, id, () => this.#list.toEnd());
    this.#list = new MessageList(store, id, (seq) => this.#onSeen(seq), this.#composer);
    this.#line = connectionLine(store);
    this.element = h("div.conversation", null, this.#head, this.#line.element, this.#list.element, this.#composer.element, this.#note, this.#said);
    this.#listen();
    this.#drawHead();
    void this.#list.open();
  }

  /** Called when the view is shown. @param {boolean} focus */
  shown(focus) {
    this.#list.look();
    if (focus) this.#composer.focus();
  }

  close() {
    if (this.#timer) this.#mark();
    this.#ends.forEach((end) => end());
    this.#line.end();
    this.#list.close();
    this.#composer.close();
  }

  get #conversation() {
    return this.#store.conversations.get(this.#id);
  }

  #listen() {
    const { topics, conversations, presence } = this.#store;
    const id = this.#id;
    const look = () => this.#list.look();
    for (const [target, name] of /** @type {[EventTarget, string][]} */ ([[window, "focus"], [document, "visibilitychange"]])) {
      target.addEventListener(name, look);
      this.#ends.push(() => target.removeEventListener(name, look));
    }
    this.#ends.push(
      topics.on([`messages:${id}`, `marks:${id}`, `conversation:${id}`, "people"], () => this.#draw()),
      topics.on([`conversation:${id}`, `typing:${id}`, "presence", "people"], () => this.#drawHead()),
      topics.on("resync", () => this.#reload()),
      this.#store.client.on("receive_message", (/** @type {any} */ message) => this.#announce(message)),
    );
    const others = (this.#conversation?.members ?? []).map((/** @type {any} */ member) => member.userId);
    if (this.#conversation?.kind === "direct") void presence.watch(others);
    if (!this.#conversation?.members) void conversations.fetch(id).catch(() => undefined);
  }

  #draw() {
    if (!this.#conversation) return this.#gone();
    return this.#list.update();
  }

  async #reload() {
    if (await this.#store.conversations.fetchAgain(this.#id)) await this.#list.refresh();
  }

  #gone() {
    this.#composer.element.hidden = true;
    fill(this.#list.element, empty("info", t("You are no longer a member of this group."), ""));
  }

  #drawHead() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const own = conversation.members?.find((/** @type {any} */ member) => member.userId === this.#store.me.id);
    const silenced = Boolean(conversation.readOnly) && own?.role === "member";
    this.#composer.element.hidden = silenced;
    this.#note.hidden = !silenced;
    const { back, close } = this.#acts;
    const words = h("div.words", null, h("h2", { dir: "auto" }, titleOf(this.#store, conversation)), h("p.subtitle", null, subtitleOf(this.#store, conversation)));
    if (this.#head.childElementCount) this.#head.querySelector(".about").replaceWith(h("div.about", null, face(this.#store, conversation), words));
    else fill(this.#head, back ? iconButton("back", t("Back to conversations"), back, { class: "back" }) : null,
      h("div.about", null, face(this.#store, conversation), words), close ? closeButton(close) : null);
  }

  /** Reads a new message to users of screen readers. @param {any} message */
  #announce(message) {
    if (message.conversationId !== this.#id || message.senderId === this.#store.me.id || !message.message) return;
    this.#said.textContent = `${this.#store.people.name(message.senderId)}: ${shortText(message.message)}`;
  }

  /** Marks messages that are in view as read. @param {number} seq */
  #onSeen(seq) {
    this.#seen = Math.max(this.#seen, seq);
    const conversation = this.#conversation;
    if (!conversation || this.#timer || this.#seen <= this.#marked) return;
    if (this.#seen <= this.#store.conversations.readSeqOf(conversation) && !conversation.unread) return;
    this.#timer = setTimeout(() => this.#mark(), MARK_EVERY_MS);
  }

  #mark() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#marked = this.#seen;
    void this.#store.markRead(this.#id, this.#seen);
  }
}
