// The messages of one conversation, as a window over its seqs: the page holds a bounded number of rows for any length.
//
// Invariants: the rows are those of the seqs `#from` to `#to`, plus messages without a seq if `#to` is the end. Visible
// rows do not move when rows above or below them come or go. `#stick` means that the list stays scrolled to the end.

import { iconButton } from "/client/ui/button.js";
import { failure, spinner } from "/client/ui/empty.js";
import { toastError } from "../components/toast.js";
import { fill, h, reconcile, rowOf } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { rowsOf } from "/client/ui/message_rows.js";
import { MessageKeys } from "./message_keys.js";
import { rowOfMessage } from "./message_rows.js";

const MAX_ROWS = 160; // in the page
const FIRST_ROWS = 60; // at first
const STEP = 40; // rows added when an end is near
const NEAR_PX = 1000;
const END_PX = 48;
const JUMP_PX = 200;
const absentWords = () => ({ not_found: t("This message doesn't exist, or you don't have access to it.") });

export class MessageList {
  #context;
  #timeline;
  #list = h("ol", null);
  #from = 1;
  #to = 0;
  #stick = true;
  #endTop = 0; // where the list was last scrolled to its end
  #divider = null;
  #busy = false;
  #shown = false;
  #jump;
  #resized;
  #end = 0; // the last seq at the latest drawing
  #settled = true; // false while the list is still scrolling to its place: only settled rows count as read
  #onSeen;
  #keys = new MessageKeys(this.#list, () => this.goTo(), (event, id, row) => this.#act(event, id, row));

  /** @param {any} context {store, conversation, actions, findMessage} @param {(seq: number) => void} onSeen */
  constructor(context, onSeen) {
    this.#context = context;
    this.#onSeen = onSeen;
    this.#timeline = context.store.timeline(context.conversation.id);
    this.#timeline.lastSeq = Math.max(this.#timeline.lastSeq, context.conversation.lastSeq);
    const props = { role: "log", "aria-label": t("Messages"), "aria-live": "off", tabindex: "0", onkeydown: (event) => this.#keys.onKey(event) };
    this.scroller = h("div.scroller", props, this.#list);
    this.scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#jump = iconButton("down", t("Jump to the newest messages"), () => this.goTo(), { class: "jump" });
    this.#jump.hidden = true;
    this.element = h("div.messages", null, this.scroller, this.#jump);
    this.#resized = new ResizeObserver(() => this.#sticks() && this.#toEnd());
    this.#resized.observe(this.#list);
    this.#resized.observe(this.scroller);
  }

  close() {
    this.#resized.disconnect();
  }

  /** Shows a message if `place`, its seq or id, is given, else the first unread message. */
  async open(place) {
    const { conversation, store } = this.#context;
    const read = store.conversations.readSeqOf(conversation);
    this.#divider = conversation.unread > 0 ? read : null;
    if (!this.#shown) fill(this.#list, h("li.waiting", null, spinner(t("Loading messages"))));
    try {
      const seq = place && (await this.#timeline.locate(place).catch(absent));
      if (seq) await this.show(seq);
      else if (conversation.unread > FIRST_ROWS / 2) await this.show(read + 1, false);
      else await this.#showUnread();
    } catch (error) {
      this.#fail(error, () => this.open(place));
    }
  }

  /** Loads the messages again, because they may have changed unnoticed. The scroll position in the past stays. */
  async refresh() {
    try {
      await this.#timeline.loadNewest();
      if (!this.#shown || this.#stick) return await this.open();
      this.#to = Math.min(this.#to, this.#timeline.lastSeq);
      this.#from = Math.min(this.#from, this.#to);
      await this.#timeline.loadRange(this.#from, this.#to);
      this.draw();
      return await this.#extend();
    } catch (error) {
      return this.#fail(error, () => this.refresh());
    }
  }

  /** Jumps to a message by its seq or id, or to the newest; shows an error if it cannot be loaded. */
  goTo(place) {
    const shown = place ? this.#timeline.locate(place).then((seq) => this.show(seq)) : this.showNewest();
    return shown.catch((error) => toastError(error, absentWords()));
  }

  /** Scrolls a message to the middle and highlights it. */
  async show(seq, flash = true) {
    const end = this.#timeline.lastSeq;
    const [from, to] = [Math.max(1, seq - STEP / 2), Math.min(end, seq + STEP)];
    await this.#timeline.loadRange(from, to);
    [this.#from, this.#to, this.#stick] = [from, to, false];
    this.draw();
    const divider = flash ? null : this.#list.querySelector(".divider");
    const row = divider ?? this.#list.querySelector(`[data-seq="${seq}"]`);
    row?.scrollIntoView({ block: flash ? "center" : "start" });
    if (flash && row) highlight(row);
    this.#extend();
  }

  /** Shows the end, or the "New messages" line if it is more than a screen further up. */
  async #showUnread() {
    this.#settled = false;
    await this.showNewest();
    const divider = this.#list.querySelector(".divider");
    if (divider && divider.getBoundingClientRect().top < this.scroller.getBoundingClientRect().top) {
      this.#stick = false;
      divider.scrollIntoView({ block: "start" });
    }
    this.#settled = true;
    this.#afterScroll();
  }

  async showNewest() {
    const timeline = this.#timeline;
    if (!timeline.knows(timeline.lastSeq, timeline.lastSeq)) await timeline.loadNewest();
    this.#to = timeline.lastSeq;
    this.#from = Math.max(1, timeline.knownFrom(this.#to), this.#to - FIRST_ROWS + 1);
    [this.#stick, this.#endTop] = [true, 0];
    this.draw();
    this.#extend();
  }

  /** Called when the timeline or the conversation changed. */
  async update(conversation) {
    this.#context.conversation = conversation;
    if (!this.#shown) return;
    const timeline = this.#timeline;
    if (this.#atEnd || this.#stick) {
      if (!timeline.knows(this.#from, timeline.lastSeq)) await timeline.loadRange(this.#from, timeline.lastSeq).catch(() => undefined);
      if (this.#stick || timeline.lastSeq - this.#from < MAX_ROWS) this.#to = timeline.knownTo(this.#from);
      if (this.#stick) this.#from = Math.max(this.#from, this.#to - MAX_ROWS + 1);
    }
    this.draw();
  }

  /** True if the rows reached the end when they were drawn, so that newer messages belong to them. */
  get #atEnd() {
    return this.#to >= this.#end;
  }

  draw() {
    const timeline = this.#timeline;
    const anchor = this.#sticks() ? null : this.#anchor();
    const atEnd = this.#to >= timeline.lastSeq;
    const messages = [...timeline.slice(this.#from, this.#to), ...(atEnd ? timeline.pending : [])];
    this.#end = timeline.lastSeq;
    if (!this.#shown) this.#list.replaceChildren(); // removes the loading state
    this.#shown = true;
    const { store, conversation } = this.#context;
    const options = { conversation, me: store.me.id, dividerAfter: this.#divider, beginning: this.#from <= 1 };
    reconcile(this.#list, rowsOf(messages, options, (message, place) => rowOfMessage(this.#context, message, place)));
    if (this.#stick) this.#toEnd();
    else this.#restore(anchor);
    this.#keys.rove();
    this.#afterScroll();
  }

  /** Shows the user's own message after sending. */
  async sent() {
    this.#divider = null;
    [this.#stick, this.#endTop] = [true, 0];
    await this.showNewest().catch(() => this.draw()); // offline: draws the loaded messages and the new one after them
  }

  /** Shows the first unread message. The line above it stays until the user answers. */
  showUnread() {
    return this.#divider === null ? undefined : this.show(this.#divider + 1, false).catch((error) => toastError(error));
  }

  #act(event, id, row) {
    const message = this.#timeline.find(id);
    return Boolean(message) && this.#context.actions.onKey(event, message, row);
  }

  /** Marks visible messages as read; called when the window gets the focus. */
  look() {
    this.#afterScroll();
  }

  #toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#endTop = this.scroller.scrollTop;
  }

  /** False also if the user has scrolled up and the browser has yet to report it. */
  #sticks() {
    if (this.#shown && this.scroller.scrollTop < this.#endTop && this.#gap() >= END_PX) this.#stick = false;
    return this.#stick;
  }

  /** How many pixels of the list are below the visible part. */
  #gap() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #anchor() {
    const top = this.scroller.getBoundingClientRect().top;
    const row = [...this.#list.children].find((one) => one.dataset.id && one.getBoundingClientRect().bottom > top);
    return row ? { key: row.dataset.id, offset: row.getBoundingClientRect().top } : null;
  }

  #restore(anchor) {
    const row = anchor && rowOf(this.#list, anchor.key);
    if (row) this.scroller.scrollTop += row.getBoundingClientRect().top - anchor.offset;
  }

  #onScroll() {
    this.#stick = this.#to >= this.#timeline.lastSeq && this.#gap() < END_PX;
    if (this.#stick) this.#endTop = this.scroller.scrollTop;
    this.#afterScroll();
    this.#extend();
  }

  #afterScroll() {
    this.#jump.hidden = this.#stick || (this.#to >= this.#timeline.lastSeq && this.#gap() < JUMP_PX);
    const seen = this.#settled ? this.#lastVisible() : 0;
    if (seen) this.#onSeen(seen);
  }

  #lastVisible() {
    if (this.#stick && this.#to >= this.#timeline.lastSeq) return this.#timeline.lastSeq;
    const bottom = this.scroller.getBoundingClientRect().bottom;
    const rows = [...this.#list.children].reverse();
    const row = rows.find((one) => one.dataset.seq && one.getBoundingClientRect().bottom <= bottom + 4);
    return row ? Number(row.dataset.seq) : 0;
  }

  /** Adds rows while an end of the list is near and there are more messages in that direction. */
  async #extend() {
    if (this.#busy || !this.#shown) return;
    this.#busy = true;
    try {
      while (this.scroller.isConnected && (await this.#up() || await this.#down())) continue;
    } catch (error) {
      this.#fail(error, () => this.#extend());
    } finally {
      this.#busy = false;
    }
  }

  async #up() {
    if (this.#from <= 1 || this.scroller.scrollTop > NEAR_PX) return false;
    const [before, wanted] = [this.#from, Math.max(1, this.#from - STEP)];
    if (!this.#timeline.knows(wanted, this.#from - 1)) await this.#timeline.loadBefore(this.#from);
    this.#from = Math.max(wanted, this.#timeline.knownFrom(this.#from - 1));
    if (this.#to - this.#from >= MAX_ROWS) [this.#to, this.#stick] = [this.#from + MAX_ROWS - 1, false];
    this.draw();
    return this.#from < before;
  }

  async #down() {
    if (this.#to >= this.#timeline.lastSeq || this.#gap() > NEAR_PX) return false;
    const [before, wanted] = [this.#to, Math.min(this.#timeline.lastSeq, this.#to + STEP)];
    if (!this.#timeline.knows(this.#to + 1, wanted)) await this.#timeline.loadAfter(this.#to);
    this.#to = Math.min(wanted, Math.max(this.#to, this.#timeline.knownTo(this.#to + 1)));
    this.#from = Math.max(this.#from, this.#to - MAX_ROWS + 1);
    this.draw();
    return this.#to > before;
  }

  #fail(error, retry) {
    const again = () => {
      row.remove();
      retry();
    };
    const row = h("li.waiting", null, failure(error, again));
    if (!this.#shown) this.#list.replaceChildren();
    this.#list.prepend(row);
  }
}

/** Shows that a link leads to no message that the user can see. Other errors stay errors. */
function absent(error) {
  if (error.code !== "not_found") throw error;
  toastError(error, absentWords());
}

function highlight(row) {
  row.classList.remove("lit");
  requestAnimationFrame(() => row.classList.add("lit"));
  setTimeout(() => row.classList.remove("lit"), 2000);
}
