// The list of conversations.

import { isMuted } from "../state/conversations.js";
import { face, titleOf, typingText } from "../ui/conversation_names.js";
import { fill, h, reconcile } from "../ui/dom.js";
import { empty, failure, spinner } from "../ui/empty.js";
import { number, plural, t } from "../ui/language.js";
import { preview } from "../ui/system_text.js";
import { shortly } from "../ui/times.js";
import { connectionLine } from "./connection_line.js";
import { closeButton } from "./frame_buttons.js";

const NEAR_PX = 300;

export class ListView {
  #store;
  #acts;
  #rows = h("ul.rows", null);
  #note = h("div", null);
  #scroller;
  #line;
  #end;

  /** @param {any} store @param {{ open: (id: number) => void, close: (() => void) | null }} acts */
  constructor(store, acts) {
    [this.#store, this.#acts] = [store, acts];
    this.#line = connectionLine(store);
    this.#scroller = h("div.scroller", { tabindex: "-1" }, this.#rows, this.#note);
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    const head = h("header.head", null, h("h2.grow", null, t("Conversations")), acts.close ? closeButton(acts.close) : null);
    this.element = h("div.list", null, head, this.#line.element, this.#scroller);
    this.#end = store.topics.on(["conversations", "people", "typing", "presence"], () => this.#draw());
    this.#draw();
  }

  /** @param {boolean} focus */
  shown(focus) {
    if (focus) (this.#rows.querySelector("button") ?? this.#scroller).focus();
  }

  close() {
    this.#end();
    this.#line.end();
  }

  #draw() {
    const { conversations } = this.#store;
    const listed = conversations.list();
    reconcile(this.#rows, listed.map((/** @type {any} */ one) => this.#row(one)));
    this.#watch(listed);
    if (listed.length) fill(this.#note);
    else if (!conversations.ready) fill(this.#note, spinner(t("Loading")));
    else if (conversations.failed) fill(this.#note, failure(conversations.failed, () => conversations.loadFirst()));
    else fill(this.#note, empty("chat", t("No conversations yet"), ""));
  }

  /** @param {any[]} listed */
  #watch(listed) {
    const peers = listed.filter(({ kind }) => kind === "direct").map((one) => this.#store.conversations.peerOf(one));
    void this.#store.presence.watch(peers);
  }

  /** @param {any} conversation */
  #row(conversation) {
    const store = this.#store;
    const title = titleOf(store, conversation);
    const last = conversation.lastMessage;
    const line = typingText(store, conversation) ?? (last ? preview(store, last) : t("No messages yet"));
    const peer = conversation.kind === "direct" ? store.conversations.peerOf(conversation) : null;
    const deps = [conversation, title, line, store.presence.isOnline(peer), peer && store.people.get(peer).avatarUrl];
    return { key: String(conversation.id), deps, make: () => this.#drawn(conversation, title, line) };
  }

  /** @param {any} conversation @param {string} title @param {string} line */
  #drawn(conversation, title, line) {
    const { unread } = conversation;
    const words = plural(unread, "{count} unread message", "{count} unread messages");
    return h("li", null, h("button.conversation-row", { type: "button", class: unread ? "unread" : "", onclick: () => this.#acts.open(conversation.id) },
      face(this.#store, conversation),
      h("span.words", null,
        h("span.top", null, h("span.name", { dir: "auto" }, title), h("span.when", null, shortly(conversation.updatedAt))),
        h("span.bottom", null, h("span.line", { dir: "auto" }, line),
          unread ? h("span.badge", { class: isMuted(conversation) ? "quiet" : "", role: "img", "aria-label": words }, number(unread)) : null))));
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX && this.#store.conversations.hasMore()) void this.#store.conversations.loadMore().catch(() => undefined);
  }
}
