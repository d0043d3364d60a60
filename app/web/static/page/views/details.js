// The details panel: members, notifications and pinned messages; for groups also their administration.

import { iconButton } from "../components/button.js";
import { confirmed } from "../components/dialog.js";
import { line } from "../components/line.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { shortly } from "../lib/times.js";
import { isMuted } from "../store/conversations.js";
import { avatarChoice } from "./avatar_choice.js";
import { face, subtitleOf, titleOf } from "./conversation_names.js";
import { editGroup, groupInvites } from "./group_admin.js";
import { addPeople, memberList } from "./members.js";
import { chooseMute, muteState } from "./mute.js";
import { leads, roleIn } from "./roles.js";
import { preview } from "./system_text.js";

export class Details {
  #app;
  #id;
  #pins = [];
  #ends = [];
  #body = h("div.panel-body");

  constructor(app, conversationId) {
    [this.#app, this.#id] = [app, conversationId];
    const head = h("header", null, h("h2", null, "Details"), iconButton("close", "Close details", () => app.closePanel()));
    this.element = h("aside.panel", { "aria-label": "Details" }, head, this.#body);
    const { topics } = app.store;
    this.#ends = [topics.on([`conversation:${conversationId}`, "people", "presence", "blocks"], () => this.#draw()),
      topics.on([`pins:${conversationId}`, "resync"], () => this.#loadPins())];
    this.#draw();
    this.#loadPins();
  }

  close() {
    this.#ends.forEach((end) => end());
  }

  get #conversation() {
    return this.#app.store.conversations.get(this.#id);
  }

  async #loadPins() {
    try {
      this.#pins = (await this.#app.store.client.pins(this.#id)).messages;
      this.#draw();
    } catch {
      // The panel works without the list of pins; opening it again loads the list again.
    }
  }

  #draw() {
    const conversation = this.#conversation;
    if (!conversation) return fill(this.#body);
    const { store } = this.#app;
    const group = conversation.kind === "group";
    const role = roleIn(conversation, store.me.id);
    const focused = this.#body.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    const scroll = this.#body.scrollTop;
    fill(this.#body,
      h("div.card.who", null, face(store, conversation, { large: true }), h("h3", null, titleOf(store, conversation)),
        h("p.detail", null, subtitleOf(store, conversation)), conversation.description ? h("p.description", null, conversation.description) : null),
      this.#settings(conversation),
      group && leads(role) ? this.#administration(conversation) : null,
      this.#pinned(),
      group ? h("section.card", { "aria-label": "Members" }, h("h3", null, `Members (${conversation.memberCount})`),
        leads(role) ? line("add", "Add members", () => addPeople(this.#app, conversation)) : null, memberList(this.#app, conversation, role)) : null,
      this.#ending(conversation));
    this.#body.scrollTop = scroll;
    if (focused) [...this.#body.querySelectorAll("button, input")].find((one) => nameOf(one) === focused)?.focus();
    return undefined;
  }

  #settings(conversation) {
    const { client } = this.#app.store;
    const muted = isMuted(conversation);
    const change = (act, after) => this.#attempt(async () => {
      await act();
      this.#app.store.conversations.change(this.#id, after);
    });
    const archive = () => change(() => client.archive(this.#id, !conversation.archived), { archived: !conversation.archived });
    const pin = () => change(() => client.pinConversation(this.#id, !conversation.pinned), { pinned: !conversation.pinned });
    return h("section.card", { "aria-label": "Conversation settings" },
      line(muted ? "bell" : "muted", muted ? "Unmute" : "Mute", () => this.#askMute(muted)),
      muted ? muteState(conversation, (choice) => this.#mute(choice)) : null,
      line("pin", conversation.pinned ? "Unpin from top" : "Pin to top", pin),
      line("archive", conversation.archived ? "Unarchive" : "Archive", archive),
      line("search", "Search in this conversation", () => this.#app.searchIn(this.#id)));
  }

  async #askMute(muted) {
    const choice = muted ? { until: null, exceptMentions: false } : await chooseMute(this.#conversation);
    if (choice) await this.#mute(choice);
  }

  async #mute({ until, exceptMentions }) {
    await this.#attempt(async () => {
      await this.#app.store.client.mute(this.#id, until, { exceptMentions });
      this.#app.store.conversations.change(this.#id, { mutedUntil: until ?? undefined, exceptMentions });
    });
    this.#draw(); // resets the switch if the change failed
  }

  #administration(conversation) {
    const { client, conversations } = this.#app.store;
    return h("section.card", { "aria-label": "Administration" },
      avatarChoice({
        present: Boolean(conversation.avatarUrl),
        upload: (file) => client.setGroupAvatar(this.#id, file),
        remove: () => client.updateConversation(this.#id, { avatarUrl: null }),
        changed: (group) => conversations.put(group),
        make: line,
      }),
      line("edit", "Name and description", () => editGroup(this.#app, conversation)),
      line("link", "Invite links", () => groupInvites(this.#app, conversation)));
  }

  /** Merges the list from the server with newer events: an event may arrive before the list includes its pin. */
  #pinsNow() {
    const timeline = this.#app.store.timeline(this.#id);
    const listed = this.#pins.map((message) => timeline.find(message.id) ?? message);
    const all = new Map([...listed, ...timeline.pinned()].map((message) => [message.id, message]));
    const shown = [...all.values()].filter((message) => message.pinnedAt && !message.deletedAt);
    return shown.sort((a, b) => Date.parse(b.pinnedAt) - Date.parse(a.pinnedAt));
  }

  #pinned() {
    const pins = this.#pinsNow();
    if (!pins.length) return null;
    const { store } = this.#app;
    return h("section.card", { "aria-label": "Pinned messages" }, h("h3", null, "Pinned messages"), pins.map((message) =>
      h("button.hit", { type: "button", onclick: () => this.#app.open(this.#id, message.seq) },
        h("span.top", null, h("span.name", null, store.people.name(message.senderId)), h("span.when", null, shortly(message.sentAt))),
        h("span.snippet", null, preview(store, message)))));
  }

  #ending(conversation) {
    const { store } = this.#app;
    if (conversation.kind === "group") return h("section.card", null, line("leave", "Leave group", () => this.#leave(), true));
    const peer = store.conversations.peerOf(conversation);
    if (peer === store.me.id) return null;
    const blocked = this.#app.blocked.has(peer);
    const act = async () => {
      const text = "They won't be notified. You won't get the messages they send you here, and they won't see when you're online.";
      if (blocked || (await confirmed(`Block ${store.people.get(peer).displayName}?`, text, "Block"))) await this.#app.setBlocked(peer, !blocked);
    };
    return h("section.card", null, line("block", blocked ? "Unblock" : "Block", act, !blocked));
  }

  async #leave() {
    if (!(await confirmed("Leave this group?", "You will no longer get its messages.", "Leave"))) return;
    const words = { conflict: "You are the only owner. Make someone else an owner first." };
    await this.#attempt(async () => {
      await this.#app.store.client.leave(this.#id);
      this.#app.store.conversations.remove(this.#id);
      this.#app.go("#/");
    }, words);
  }

  async #attempt(act, words) {
    try {
      await act();
    } catch (error) {
      toastError(error, words);
    }
  }
}

const nameOf = (element) => element.labels?.[0]?.textContent ?? element.textContent;
