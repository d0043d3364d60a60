// The messages of one conversation. It begins with the newest page, and loads earlier ones when somebody scrolls up.
//
// Invariant: rows that are in view stay where they are when earlier messages come, and `#stick` means that the list stays
// scrolled to its end.

import { iconButton } from "../ui/button.js";
import { fill, h, reconcile, rowOf } from "../ui/dom.js";
import { failure, spinner } from "../ui/empty.js";
import { t } from "../ui/language.js";
import { rowsOf } from "../ui/message_rows.js";
import { rowOfMessage } from "./message_rows.js";

const NEAR_PX = 400; // from the top, at which earlier messages are loaded
const END_PX = 40;

export class MessageList {
  #store;
  #id;
  #timeline;
  #onSeen;
  #list = h("ol", null);
  #stick = true;
  #shown = false;
  #busy = false;
  #inView = false;
  #write;
  /** @type {string | null} */ #picked = null;
  /** The last message that was read before this list opened. @type {number | null} */ #divider = null;
  #jump;
  #resized;
  #viewed;

  /** @param {any} store @param {number} id @param {(seq: number) => void} onSeen @param {import("./composer.js").Composer} write */
  constructor(store, id, onSeen, write) {
    [this.#store, this.#id, this.#onSeen, this.#write] = [store, id, onSeen, write];
    this.#timeline = store.timeline(id);
    this.scroller = h("div.scroller", { role: "log", "aria-label": t("Messages"), "aria-live": "off", tabindex: "0" }, this.#list);
    this.scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#jump = iconButton("down", t("Jump to the newest messages"), () => this.toEnd(), { class: "jump" });
    this.#jump.hidden = true;
    this.element = h("div.messages", null, this.scroller, this.#jump);
    this.#resized = new ResizeObserver(() => this.#stick && this.#scrollToEnd());
    this.#resized.observe(this.#list);
    this.#resized.observe(this.scroller);
    this.#viewed = new IntersectionObserver((entries) => this.#onView(entries));
    this.#viewed.observe(this.scroller);
  }

  close() {
    this.#resized.disconnect();
    this.#viewed.disconnect();
  }

  async open() {
    const conversation = this.#store.conversations.get(this.#id);
    this.#timeline.lastSeq = Math.max(this.#timeline.lastSeq, conversation.lastSeq);
    this.#divider = conversation.unread > 0 ? this.#store.conversations.readSeqOf(conversation) : null;
    fill(this.#list, h("li.waiting", null, spinner(t("Loading messages"))));
    await this.#load(() => this.open());
    this.#list.querySelector(".divider")?.scrollIntoView({ block: "nearest" });
  }

  /** Loads the messages again, because they may have changed unnoticed. */
  async refresh() {
    await this.#load(() => this.refresh(), true);
  }

  /** @param {() => void} again @param {boolean} [anew] */
  async #load(again, anew = false) {
    try {
      const { lastSeq } = this.#timeline;
      if (anew || !this.#timeline.knows(lastSeq, lastSeq)) await this.#timeline.loadNewest();
      if (!this.#shown) this.#list.replaceChildren();
      this.#shown = true;
      this.#draw();
      await this.#fill();
    } catch (error) {
      if (!this.#shown) fill(this.#list, h("li.waiting", null, failure(error, again)));
    }
  }

  /** Draws after a change. */
  async update() {
    if (!this.#shown) return;
    const { lastSeq } = this.#timeline;
    if (!this.#timeline.knows(lastSeq, lastSeq)) await this.#timeline.loadNewest().catch(() => undefined);
    this.#draw();
  }

  toEnd() {
    this.#stick = true;
    this.#draw();
  }

  /** Checks which messages are in view, because the list or its window was just shown. */
  look() {
    if (!this.#shown) return;
    if (this.#stick) this.#scrollToEnd();
    this.#see();
    void this.#fill();
  }

  #draw() {
    const messages = this.#timeline.around(this.#timeline.lastSeq);
    const from = messages[0]?.seq ?? 1;
    const conversation = this.#store.conversations.get(this.#id);
    if (!conversation) return;
    const context = {
      store: this.#store, conversation, timeline: this.#timeline, jump: (/** @type {number} */ seq) => this.#goTo(seq),
      picked: this.#picked, pick: (/** @type {string | null} */ id) => this.#pick(id), write: this.#write,
    };
    const options = { conversation, me: this.#store.me.id, dividerAfter: this.#divider, beginning: this.#timeline.knownFrom(from) <= 1 };
    const anchor = this.#stick ? null : this.#firstInView();
    const top = anchor?.getBoundingClientRect().top ?? 0;
    reconcile(this.#list, rowsOf(messages, options, (message, place) => rowOfMessage(context, message, place)));
    if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - top;
    if (this.#stick) this.#scrollToEnd();
    this.#see();
  }

  /** Opens the bar of a message, or closes it. @param {string | null} id */
  #pick(id) {
    const before = this.#picked;
    this.#picked = id;
    this.#draw();
    if (id === null) rowOf(this.#list, before)?.querySelector(".more")?.focus({ preventScroll: true });
  }

  #firstInView() {
    const { top } = this.scroller.getBoundingClientRect();
    return [...this.#list.children].find((row) => row.getBoundingClientRect().bottom > top) ?? null;
  }

  #scrollToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#stick = scrollHeight - scrollTop - clientHeight < END_PX;
    this.#jump.hidden = this.#stick;
    this.#see();
    void this.#fill();
  }

  /** Loads earlier messages while the top is near. */
  async #fill() {
    if (this.#busy || !this.#shown) return;
    this.#busy = true;
    try {
      while (this.scroller.isConnected && this.scroller.clientHeight && this.scroller.scrollTop < NEAR_PX) {
        const first = this.#timeline.knownFrom(this.#timeline.lastSeq);
        if (first <= 1) return;
        await this.#timeline.loadBefore(first);
        this.#draw();
      }
    } catch {
      // without an answer, the next scroll tries again
    } finally {
      this.#busy = false;
    }
  }

  /** Scrolls to a message that is quoted. @param {number} seq */
  async #goTo(seq) {
    await this.#timeline.loadRange(seq, this.#timeline.lastSeq).catch(() => undefined);
    this.#stick = false;
    this.#draw();
    this.#list.querySelector(`[data-seq="${seq}"]`)?.scrollIntoView({ block: "center" });
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #onView(entries) {
    this.#inView = entries.at(-1)?.isIntersecting ?? false;
    this.look();
  }

  /** Reports the last message that somebody can see. In a frame, the page around it may have the focus. */
  #see() {
    if (!this.#inView || document.visibilityState !== "visible" || (window === window.top && !document.hasFocus())) return;
    const { bottom } = this.scroller.getBoundingClientRect();
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("[data-seq]")]);
    const seen = rows.reverse().find((row) => Number(row.dataset.seq) && row.getBoundingClientRect().top < bottom - 8);
    if (seen) this.#onSeen(Number(seen.dataset.seq));
  }
}
