// The frame around the conversation: the panel, and the bubble that opens it.

import { failure, spinner } from "../ui/empty.js";
import { fill, h } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { isComposing } from "../ui/input_method.js";
import { currentLanguage, number, plural, t } from "../ui/language.js";
import { ConversationView } from "./conversation_view.js";
import { closeButton } from "./frame_buttons.js";
import { ListView } from "./list_view.js";

export class Frame {
  #acts;
  #box = h("div.parley", null);
  #panel = h("section.panel", { id: "panel" });
  #bubble;
  #badge = h("span.badge", { "aria-hidden": "true", hidden: true });
  #count = 0;
  /** @type {any} */ #view = null;
  #root;
  #launcher = false;
  #open = true;
  #pressed = false; // the user opens or closes it, not the page

  /** @param {ShadowRoot} root @param {{ setOpen: (open: boolean) => void, retry: () => void }} acts */
  constructor(root, acts) {
    this.#acts = acts;
    this.#root = root;
    this.#bubble = h("button.launcher", { type: "button", "aria-controls": "panel", onclick: () => this.#press(!this.#open) });
    this.#panel.addEventListener("keydown", (event) => this.#onKey(event));
    this.#box.append(this.#panel, this.#bubble);
    root.append(this.#box);
  }

  /** Draws everything again, in the present language. @param {HTMLElement} element @param {boolean} rightToLeft */
  begin(element, rightToLeft) {
    this.#box.dir = rightToLeft ? "rtl" : "ltr";
    this.#box.lang = currentLanguage();
    this.#panel.setAttribute("aria-label", t("Chat"));
    this.#count = 0;
    this.look(element);
    this.wait();
  }

  /** Takes the attributes `theme`, `launcher` and `open`. @param {HTMLElement} element */
  look(element) {
    const was = this.#open;
    this.#box.dataset.theme = element.getAttribute("theme") ?? "system";
    this.#launcher = element.hasAttribute("launcher");
    this.#open = !this.#launcher || element.hasAttribute("open");
    this.#box.classList.toggle("floating", this.#launcher);
    const inside = this.#panel.contains(this.#root.activeElement);
    this.#panel.hidden = !this.#open;
    if (this.#launcher) this.#panel.setAttribute("role", "dialog");
    else this.#panel.removeAttribute("role");
    this.#drawBubble();
    if (was === this.#open || !this.#launcher) return;
    if (this.#open) this.#view?.shown(this.#pressed);
    else if (inside) this.#bubble.focus();
  }

  /** @param {number} count of unread messages */
  count(count) {
    this.#count = count;
    this.#drawBubble();
  }

  wait() {
    this.clear();
    fill(this.#panel, this.#bar(), spinner(t("Loading")));
  }

  /** @param {any} session @param {number | null} conversationId of the only conversation, or null for the list */
  show(session, conversationId) {
    if (conversationId === null) this.#showList(session);
    else this.#set(new ConversationView(session.store, conversationId, { close: this.#close }));
  }

  /** @param {any} error */
  fail(error) {
    this.clear();
    fill(this.#panel, this.#bar(), failure(error, this.#acts.retry));
  }

  clear() {
    this.#view?.close();
    this.#view = null;
  }

  /** @param {any} session */
  #showList(session) {
    const open = (/** @type {number} */ id) => {
      const back = () => {
        this.#showList(session);
        this.#view.shown(true);
      };
      this.#set(new ConversationView(session.store, id, { close: this.#close, back }));
      this.#view.shown(true);
    };
    this.#set(new ListView(session.store, { open, close: this.#close }));
  }

  /** @param {any} view */
  #set(view) {
    this.clear();
    this.#view = view;
    fill(this.#panel, view.element);
  }

  get #close() {
    return this.#launcher ? () => this.#press(false) : null;
  }

  /** A header with the close button, shown while there is no view. */
  #bar() {
    const close = this.#close;
    return close && h("header.head", null, h("span.grow", null), closeButton(close));
  }

  #drawBubble() {
    this.#bubble.hidden = !this.#launcher;
    if (!this.#launcher) return;
    const words = this.#count ? plural(this.#count, "Chat, {count} unread message", "Chat, {count} unread messages") : t("Chat");
    this.#bubble.setAttribute("aria-label", words);
    this.#bubble.setAttribute("aria-expanded", String(this.#open));
    this.#badge.textContent = this.#count > 99 ? `${number(99)}+` : number(this.#count);
    this.#badge.hidden = this.#count === 0;
    fill(this.#bubble, icon(this.#open ? "down" : "chat"), this.#badge);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Escape" || !this.#launcher || event.defaultPrevented || isComposing(event)) return;
    event.stopPropagation();
    this.#press(false);
  }

  /** @param {boolean} open */
  #press(open) {
    this.#pressed = true;
    this.#acts.setOpen(open);
    this.#pressed = false;
  }
}
