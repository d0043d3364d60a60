// The details panel: members, notifications and pinned messages; for groups also their administration.

import { iconButton } from "/client/ui/button.js";
import { card } from "../components/card.js";
import { confirmed } from "../components/dialog.js";
import { hit } from "../components/hit.js";
import { later } from "../components/later.js";
import { line } from "../components/line.js";
import { toastError } from "../components/toast.js";
import { h, reconcile } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { isMuted } from "/client/state/conversations.js";
import { avatarChoice } from "./avatar_choice.js";
import { face, subtitleOf, titleOf } from "/client/ui/conversation_names.js";
import { jumpToDate } from "./jump_to_date.js";
import { Members } from "./members.js";
import { chooseMute, muteState } from "./mute.js";
import { leads, roleIn } from "./roles.js";
import { preview } from "/client/ui/system_text.js";
import { statusText } from "./user_status.js";

export class Details {
  isDetails = true;
  #app;
  #id;
  #pins = [];
  #ends = [];
  #members;
  #body = h("div.panel-body");

  constructor(app, conversationId) {
    [this.#app, this.#id] = [app, conversationId];
    this.#members = new Members(app, conversationId);
    const head = h("header", null, h("h2", null, t("Details")), iconButton("close", t("Close details"), () => app.closePanel()));
    this.element = h("aside.panel", { "aria-label": t("Details") }, head, this.#body);
    const { topics } = app.store;
    this.#ends = [topics.on([`conversation:${conversationId}`, "people", "presence", "blocks"], () => this.#draw()),
      topics.on([`members:${conversationId}`, "resync"], () => this.#members.reload()),
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
    if (conversation?.kind === "group") this.#members.draw();
    reconcile(this.#body, conversation ? this.#cards(conversation) : []);
  }

  /** The cards, for `reconcile`: a card that shows the same as before keeps its element, so no click on it is lost. */
  #cards(conversation) {
    const { kind, mutedUntil, exceptMentions, archived, pinned, avatarUrl } = conversation;
    const group = kind === "group";
    const pins = this.#pinsNow();
    const blocked = !group && this.#app.blocked.has(this.#peer(conversation));
    return [
      this.#who(conversation),
      { key: "settings", deps: [isMuted(conversation), mutedUntil, exceptMentions, archived, pinned], make: () => this.#settings(conversation) },
      group && leads(roleIn(conversation, this.#app.store.me.id)) && { key: "administration", deps: [Boolean(avatarUrl)], make: () => this.#administration(Boolean(avatarUrl)) },
      pins.length > 0 && this.#pinned(pins),
      group && { key: "members", deps: [], make: () => this.#members.element },
      { key: "ending", deps: [blocked], make: () => this.#ending(conversation, blocked) },
    ].filter(Boolean);
  }

  #peer(conversation) {
    return this.#app.store.conversations.peerOf(conversation);
  }

  /** The name and picture, and the status of the other person in a direct conversation. */
  #who(conversation) {
    const { store } = this.#app;
    const { description } = conversation;
    const peer = conversation.kind === "group" ? null : store.people.get(this.#peer(conversation));
    const [title, subtitle, status] = [titleOf(store, conversation), subtitleOf(store, conversation), peer ? statusText(peer) : ""];
    const deps = [title, subtitle, status, description, (peer ?? conversation).avatarUrl, peer && store.presence.isOnline(peer.id)];
    const make = () => h("div.card.who", null, face(store, conversation, { large: true }), h("h3", null, title),
      h("p.detail", null, subtitle), status ? h("p.detail.status", { dir: "auto" }, status) : null, description ? h("p.description", null, description) : null);
    return { key: "who", deps, make };
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
    return h("section.card", { "aria-label": t("Conversation settings") },
      line(muted ? "bell" : "muted", muted ? t("Unmute") : t("Mute"), () => this.#askMute(muted)),
      muted ? muteState(conversation, (choice) => this.#mute(choice)) : null,
      line("pin", conversation.pinned ? t("Unpin from top") : t("Pin to top"), pin),
      line("unread", t("Mark as unread"), () => this.#markUnread()),
      line("archive", conversation.archived ? t("Unarchive") : t("Archive"), archive),
      line("search", t("Search in this conversation"), () => this.#app.searchIn(this.#id)),
      line("picture", t("Files and media"), () => this.#app.showMedia(this.#id)),
      line("clock", t("Jump to a date"), () => jumpToDate(this.#app, this.#id)));
  }

  async #askMute(muted) {
    const choice = muted ? { until: null, exceptMentions: false } : await chooseMute(this.#conversation);
    if (choice) await this.#mute(choice);
  }

  /** Resolves to whether the server accepted the change. */
  #mute({ until, exceptMentions }) {
    return this.#attempt(async () => {
      await this.#app.store.client.mute(this.#id, until, { exceptMentions });
      this.#app.store.conversations.change(this.#id, { mutedUntil: until ?? undefined, exceptMentions });
    });
  }

  #administration(present) {
    const { client, conversations } = this.#app.store;
    return h("section.card", { "aria-label": t("Administration") },
      avatarChoice({
        present,
        upload: (file) => client.setGroupAvatar(this.#id, file),
        remove: () => client.updateConversation(this.#id, { avatarUrl: null }),
        changed: (group) => conversations.put(group),
        make: line,
      }),
      line("edit", t("Name and description"), () => later(import("./group_admin.js"), ({ editGroup }) => editGroup(this.#app, this.#conversation))),
      line("link", t("Invite links"), () => later(import("./group_admin.js"), ({ groupInvites }) => groupInvites(this.#app, this.#conversation))));
  }

  /** Merges the list from the server with newer events: an event may arrive before the list includes its pin. */
  #pinsNow() {
    const timeline = this.#app.store.timeline(this.#id);
    const listed = this.#pins.map((message) => timeline.find(message.id) ?? message);
    const all = new Map([...listed, ...timeline.pinned()].map((message) => [message.id, message]));
    const shown = [...all.values()].filter((message) => message.pinnedAt && !message.deletedAt);
    return shown.sort((a, b) => Date.parse(b.pinnedAt) - Date.parse(a.pinnedAt));
  }

  #pinned(pins) {
    const { store } = this.#app;
    const shown = pins.map((message) => ({ message, name: store.people.name(message.senderId), text: preview(store, message) }));
    const make = () => card(t("Pinned messages"), shown.map(({ message, name, text }) =>
      hit(name, message.sentAt, text, () => this.#app.open(this.#id, message.seq))));
    return { key: "pinned", deps: shown.flatMap(({ message, name, text }) => [message.id, name, text]), make };
  }

  /** Leaves the conversation, because looking at its messages would mark them as read again. */
  async #markUnread() {
    await this.#attempt(async () => {
      await this.#app.store.markUnread(this.#id, true);
      this.#app.go("#/");
    });
  }

  async #clear(remove) {
    const { store } = this.#app;
    const [question, act] = remove ? [t("Delete this conversation?"), t("Delete")] : [t("Clear the history?"), t("Clear")];
    const text = remove
      ? t("All messages up to now disappear for you, for good. Others keep them. The conversation comes back with its next message.")
      : t("All messages up to now disappear for you, for good. Others keep them.");
    if (!(await confirmed(question, text, act))) return;
    await this.#attempt(async () => {
      const seq = this.#conversation?.lastSeq ?? 0;
      await store.client.clear(this.#id, { seq, remove });
      store.cleared({ conversationId: this.#id, seq, removed: remove });
      if (remove) store.drafts.clear(this.#id);
    });
  }

  #ending(conversation, blocked) {
    const { store } = this.#app;
    const clear = line("clear", t("Clear history"), () => this.#clear(false), true);
    if (conversation.kind === "group") return h("section.card", null, clear, line("leave", t("Leave group"), () => this.#leave(), true));
    const peer = this.#peer(conversation);
    const remove = line("trash", t("Delete conversation"), () => this.#clear(true), true);
    if (peer === store.me.id) return h("section.card", null, clear, remove);
    const act = async () => {
      const text = t("They won't be notified. You won't get the messages they send you here, and they won't see when you're online.");
      if (blocked || (await confirmed(t("Block {name}?", { name: store.people.get(peer).displayName }), text, t("Block")))) await this.#app.setBlocked(peer, !blocked);
    };
    return h("section.card", null, clear, remove, line("block", blocked ? t("Unblock") : t("Block"), act, !blocked));
  }

  async #leave() {
    if (!(await confirmed(t("Leave this group?"), t("You will no longer get its messages."), t("Leave")))) return;
    const words = { conflict: t("You are the only owner. Make someone else an owner first.") };
    await this.#attempt(async () => {
      await this.#app.store.client.leave(this.#id);
      this.#app.store.conversations.remove(this.#id);
      this.#app.go("#/");
    }, words);
  }

  /** Resolves to whether `act` succeeded. */
  async #attempt(act, words) {
    try {
      await act();
      return true;
    } catch (error) {
      toastError(error, words);
      return false;
    }
  }
}
