// The panel with the pictures, recordings, files and links of a conversation, newest first.

import { parseText } from "/client/parley.js";
import { iconButton } from "/client/ui/button.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { safeUrl } from "/client/ui/text.js";
import { shortly } from "/client/ui/times.js";
import { moreButton } from "../components/more.js";
import { backwardKey, forwardKey } from "../lib/keys.js";
import { attachments } from "./attachments.js";
import { openPicture } from "./picture.js";

const kinds = () => [["image,video", t("Pictures")], ["audio", t("Voice")], ["file", t("Files")], ["link", t("Links")]];
const PAGE = 40;

export class MediaPanel {
  #app;
  #id;
  #kind = kinds()[0][0];
  #list = h("div.media-list");
  #body = h("div.panel-body", { role: "tabpanel", tabindex: "0" });
  #tabs;
  #asked = 0;
  #ends = [];
  #messages = []; // that are listed, newest first
  #unfinished = new Map(); // mediaId → draws its entry again

  constructor(app, conversationId) {
    [this.#app, this.#id] = [app, conversationId];
    this.#tabs = kinds().map(([kind, label]) =>
      h("button.tab", { type: "button", role: "tab", onclick: () => this.#choose(kind), dataset: { kind } }, label));
    const head = h("header", null, h("h2", null, t("Files and media")), iconButton("close", t("Close files and media"), () => app.closePanel()));
    const tabs = h("div.tabs", { role: "tablist", "aria-label": t("Kinds of media"), onkeydown: (event) => this.#onKey(event) }, this.#tabs);
    this.element = h("aside.panel", { "aria-label": t("Files and media") }, head, tabs, this.#body);
    const { client } = app.store;
    this.#ends = ["media_ready", "media_failed"].map((name) => client.on(name, (data) => this.#onMedia(data)));
    this.#choose(this.#kind);
  }

  focus() {
    this.#tabs[0].focus();
  }

  close() {
    this.#asked += 1; // an answer that comes later is not shown
    this.#ends.forEach((end) => end());
  }

  #choose(kind) {
    this.#kind = kind;
    this.#messages = [];
    this.#unfinished.clear();
    for (const tab of this.#tabs) {
      const chosen = tab.dataset.kind === kind;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    this.#body.setAttribute("aria-label", kinds().find(([one]) => one === kind)?.[1] ?? "");
    this.#list = h("div.media-list", { class: kind.startsWith("image") ? "grid" : "" });
    fill(this.#body, this.#list);
    this.#load();
  }

  async #load(before) {
    const asked = (this.#asked += 1);
    const wait = h("div.waiting", null, spinner(t("Loading")));
    this.#body.append(wait);
    try {
      const page = await this.#app.store.client.conversationMedia(this.#id, { kind: this.#kind, before, limit: PAGE });
      if (asked === this.#asked) this.#show(page);
    } catch (error) {
      if (asked === this.#asked) this.#body.append(failure(error, () => this.#choose(this.#kind)));
    } finally {
      wait.remove();
    }
  }

  #show({ messages, hasMore, cursor }) {
    this.#messages.push(...messages);
    this.#list.append(...messages.map((message) => this.#entry(message)));
    if (hasMore && messages.length < PAGE / 2) return void this.#load(cursor); // media of this kind are rare
    if (hasMore) {
      const more = moreButton(this.#list, () => {
        more.remove();
        return this.#load(cursor);
      });
      this.#body.append(more);
    } else if (!this.#list.childElementCount) {
      fill(this.#body, empty("file", t("Nothing here yet"), t("What people share in this conversation appears here.")));
    }
    return undefined;
  }

  #entry(message) {
    const { store } = this.#app;
    const open = () => this.#app.open(this.#id, message.seq);
    const where = h("button.link.where", { type: "button", onclick: open, "aria-label": t("Show the message of {name}", { name: store.people.get(message.senderId).displayName }) },
      `${store.people.name(message.senderId)}, ${shortly(message.sentAt)}`);
    if (this.#kind === "link") return h("div.entry", null, addressesOf(message.message ?? "").map(link), where);
    const kinds = this.#kind.split(",");
    const shown = { ...message, attachments: message.attachments.filter((one) => kinds.includes(one.kind)) };
    const actions = { openPicture: (attachment) => openPicture(store, attachment, message, [...this.#messages].reverse()) };
    const entry = h("div.entry", null, attachments(store, shown, actions), where);
    for (const { mediaId, status } of shown.attachments) {
      if (status === "processing") this.#unfinished.set(mediaId, (now) => entry.replaceWith(this.#entry(now(message))));
    }
    return entry;
  }

  /** Shows a medium whose processing has ended. */
  #onMedia(data) {
    const status = data.code ? "failed" : "ready";
    const draw = this.#unfinished.get(data.mediaId);
    this.#unfinished.delete(data.mediaId);
    const ended = (message) => ({ ...message, attachments: message.attachments?.map((one) => (one.mediaId === data.mediaId ? { ...one, ...data, status } : one)) });
    this.#messages = this.#messages.map(ended);
    draw?.(ended);
  }

  #onKey(event) {
    const step = { [forwardKey()]: 1, [backwardKey()]: -1 }[event.key];
    if (!step) return;
    const at = this.#tabs.indexOf(document.activeElement);
    const next = this.#tabs[(at + step + this.#tabs.length) % this.#tabs.length];
    event.preventDefault();
    next.focus();
    this.#choose(next.dataset.kind);
  }
}

/** Returns the addresses of all links in a text, each once. @param {string} text */
function addressesOf(text) {
  const found = new Set();
  const look = (part) => {
    if (part.type === "link") found.add(part.url);
    for (const inner of part.children ?? part.blocks ?? part.items ?? []) look(inner);
  };
  parseText(text).forEach(look);
  return [...found];
}

/** @param {string} url */
function link(url) {
  const address = safeUrl(url);
  return address ? h("a.address", { href: address, target: "_blank", rel: "noopener noreferrer", dir: "ltr" }, url) : h("span.address", null, url);
}
