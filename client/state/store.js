// All data that views show, kept current by the client's events. Views read from here and listen to `topics`:
// "connection", "conversations", "conversation:<id>", "messages:<id>", "marks:<id>", "typing:<id>", "presence",
// "people", "draft:<id>", "members:<id>", "pins:<id>", "removed:<id>", "resync".

import { Topics } from "./topics.js";
import { Conversations } from "./conversations.js";
import { Drafts } from "./drafts.js";
import { Media } from "./media.js";
import { People } from "./people.js";
import { Presence } from "./presence.js";
import { Timeline } from "./timeline.js";
import { withReaction } from "./reactions.js";
import { longer } from "../lib/growing.js";

// An event of a group has no field for a value that was removed.
const GONE = { description: undefined, avatarUrl: undefined, readOnly: undefined, metadata: undefined };

export class Store {
  /** @type {import("../lib/types.js").State} */ connection = { status: "connecting", transport: null };
  /** Returns whether messages of this user are folded in this conversation. The shell, which knows the blocked people, replaces it. */
  isFolded = (_conversation, _senderId) => false;
  topics = new Topics();
  /** @type {any} */ #me = null;
  #begun = false;
  #pushSettings = null;
  #known = new Map(); // attachments uploaded here, by mediaId
  #timelines = new Map();
  #arrived = new Set();
  #reads = new Map(); // the last read mark of each conversation: settled when it is answered
  #markingUnread = new Set();

  /**
   * @param {any} client a `Parley`
   * @param {{ words?: import("./people.js").Words, draftStorage?: Storage | null }} [options] `words`: names in the user's language;
   *   `draftStorage` keeps drafts until the server has them, null for none
   */
  constructor(client, { words, draftStorage } = {}) {
    this.client = client;
    this.people = new People(client, this.topics, words);
    this.conversations = new Conversations(client, this.topics);
    this.drafts = new Drafts(client, this.topics, this.conversations, draftStorage);
    this.presence = new Presence(client, this.topics);
    this.media = new Media(client);
  }

  /** The signed-in user; still set while the page closes after a sign-out. */
  get me() {
    this.#me = this.client.me ?? this.#me;
    return this.#me;
  }

  /**
   * Listens to events, connects, and loads the list of conversations: at once, so that it shows soon, and again when events
   * arrive, because of the changes in between.
   */
  async begin() {
    this.people.put(this.me);
    this.people.renew(this.me.id); // another device may have changed the status
    this.#listen();
    this.drafts.begin();
    await Promise.all([this.client.connect(), this.conversations.loadFirst()]);
    await Promise.all([this.conversations.loadFirst(), this.#loadOutbox()]);
    this.#begun = true;
    for (const timeline of this.#timelines.values()) timeline.catchUp(this.conversations.get(timeline.id)?.lastSeq ?? 0);
  }

  timeline(id) {
    if (!this.#timelines.has(id)) {
      const changed = () => this.topics.changed(`messages:${id}`);
      this.#timelines.set(id, new Timeline(this.client, id, changed));
    }
    return this.#timelines.get(id);
  }

  /** Returns a message, which is loaded if necessary. Rejects if the user does not see it. */
  async message(conversationId, id) {
    const timeline = this.timeline(conversationId);
    await timeline.locate(id);
    return timeline.find(id);
  }

  /** Calls `listener` with every live message from another user. */
  onArrival(listener) {
    this.#arrived.add(listener);
  }

  /** Sends a message. `shown` is the content of a forward, because the command only names the forwarded message. */
  send(outgoing, shown = {}) {
    const { message, done } = this.client.send(outgoing);
    const timeline = this.timeline(outgoing.conversationId);
    const known = timeline.find(message.id); // if `message_status` arrived before `send` returned
    if (known) timeline.update(message.id, shown);
    else timeline.addPending(this.#shown({ ...message, ...shown }));
    done.catch(() => undefined); // `message_status` reports it as well
    return message;
  }

  /** The user's settings of notifications, loaded once. The defaults if the server cannot be reached. */
  async pushSettings() {
    this.#pushSettings ??= await this.client.pushSettings().catch(() => null);
    return this.#pushSettings ?? {};
  }

  /** Rejects if the server refuses the change. */
  async updatePushSettings(changes) {
    this.#pushSettings = await this.client.updatePushSettings(changes);
  }

  /** Does nothing while the conversation is being marked as unread: a later read mark would end that at once. */
  async markRead(id, seq) {
    if (this.#markingUnread.has(id)) return;
    this.conversations.readUpTo(id, seq);
    const sent = this.client.markRead(id, seq).catch(() => undefined); // the next read mark covers this one
    this.#reads.set(id, sent);
    await sent;
  }

  /** Rejects if the server refuses. */
  async markUnread(id, on) {
    if (on) this.#markingUnread.add(id);
    try {
      await this.#reads.get(id); // an earlier read mark, which the server may still collect with others
      await this.client.markUnread(id, on);
      this.conversations.change(id, { markedUnread: on || undefined });
    } finally {
      this.#markingUnread.delete(id);
    }
  }

  #listen() {
    const on = (name, handler) => this.client.on(name, handler.bind(this));
    on("state", this.#onState);
    on("receive_message", this.#onMessage);
    on("message_status", this.#onStatus);
    on("message_updated", (m) => this.#updated(m));
    on("message_append", this.#onAppend);
    on("message_deleted", (m) => this.#deleted(m));
    on("reaction", this.#onReaction);
    on("message_pinned", ({ conversationId, id, on: pinned }) => {
      this.timeline(conversationId).update(id, { pinnedAt: pinned ? new Date().toISOString() : undefined });
      this.topics.changed(`pins:${conversationId}`);
    });
    on("message_starred", ({ conversationId, id, on: starred }) => this.timeline(conversationId).update(id, { starred: starred || undefined }));
    on("message_delivered", (mark) => this.conversations.mark(mark, "deliveredSeq"));
    on("message_read", (mark) => this.conversations.mark(mark, "readSeq"));
    on("conversation_updated", this.#onConversation);
    on("conversation_settings", ({ conversationId, ...settings }) => this.conversations.change(conversationId, settings));
    on("conversation_cleared", this.cleared);
    on("typing", (typing) => typing.userId !== this.me?.id && this.presence.setTyping(typing));
    on("presence", (presence) => this.presence.put(presence));
    on("user_updated", (user) => this.people.update(user));
    on("unread_messages", ({ messages }) => messages.forEach((message) => this.#place(message)));
    on("discarded", ({ conversationId, id }) => conversationId && this.timeline(conversationId).drop(id));
    on("resync", this.#onResync);
    for (const name of ["media_ready", "media_failed", "media_progress"]) on(name, (data) => this.#onMedia(name, data));
  }

  #onState(state) {
    const returned = this.connection.status !== "online" && state.status === "online" && this.#begun;
    this.connection = state;
    if (state.status === "offline") this.presence.forget();
    if (returned) this.conversations.loadFirst(); // the replay does not include everything that was read on other devices
    this.topics.changed("connection");
  }

  #onMessage(message) {
    const known = this.timeline(message.conversationId).at(message.seq);
    this.#place(message);
    if (message.senderId !== this.me?.id) {
      this.presence.setTyping({ conversationId: message.conversationId, userId: message.senderId, typing: false });
      if (!known && !message.streaming) this.#arrived.forEach((listener) => listener(message)); // a stream arrives at its end
    }
  }

  #place(message) {
    this.timeline(message.conversationId).receive(message);
    this.conversations.note(message);
  }

  /** Updates a message that was sent from any tab of this browser. */
  #onStatus({ id, conversationId, status, message, error, seq, sentAt }) {
    const conversation = conversationId ?? message?.conversationId;
    if (!conversation) return;
    const timeline = this.timeline(conversation);
    const known = timeline.find(id);
    const shown = { ...this.#shown(known ?? message ?? { id }), conversationId: conversation, status, error };
    if (seq && message?.forward && !known?.forwarded) return void this.#fetchSent(timeline, seq);
    if (seq) return this.#place({ ...shown, seq, sentAt: sentAt ?? shown.sentAt });
    if (known) timeline.update(id, { status, error });
    else timeline.addPending(shown);
  }

  /** Loads a message that another tab forwarded, because its content is unknown in this tab. */
  async #fetchSent(timeline, seq) {
    await timeline.loadAfter(seq - 1).catch(() => undefined); // it is loaded when the user scrolls there
    const message = timeline.at(seq);
    if (message) this.conversations.note(message);
  }

  #shown(message) {
    const sent = { senderId: this.me.id, kind: "text", sentAt: new Date().toISOString(), status: "sending" };
    const attachments = (message.attachments ?? []).map((a) => this.#known.get(a.mediaId) ?? a);
    return { ...sent, local: !message.seq, reactions: [], ...message, attachments };
  }

  /** Keeps an uploaded attachment, to show it in its message until the server sends more. */
  keepAttachment(attachment, file) {
    this.#known.set(attachment.mediaId, attachment);
    this.media.keepLocal(attachment.mediaId, file);
  }

  #updated(message) {
    this.#pinsChange(message);
    const before = this.timeline(message.conversationId).find(message.id);
    const isNamed = this.conversations.edited(message, before);
    const ended = before?.streaming && !message.streaming && message.senderId !== this.me?.id;
    this.timeline(message.conversationId).update(message.id, (old) => ({
      ...longer(old, message),
      seq: old.seq ?? message.seq,
      status: message.status ?? old.status,
      reactions: message.reactions ?? old.reactions,
      starred: message.starred ?? old.starred, // a live update is the same for all members, so it has no star
    }));
    this.#last(message.conversationId, message.id, () => message);
    if (isNamed || ended) this.#arrived.forEach((listener) => listener(message));
  }

  /** Handles text that was added to a message that grows. */
  #onAppend(append) {
    const timeline = this.timeline(append.conversationId);
    timeline.append(append);
    this.#last(append.conversationId, append.id, (last) => timeline.find(append.id) ?? last);
  }

  #deleted({ conversationId, id }) {
    const emptied = ({ seq, senderId, sentAt, kind }) => {
      return { id, conversationId, seq, senderId, sentAt, kind, reactions: [], deletedAt: new Date().toISOString() };
    };
    this.#pinsChange({ id, conversationId });
    this.timeline(conversationId).update(id, emptied);
    this.#last(conversationId, id, emptied);
  }

  /** Notifies the list of pins if this message is or was pinned. */
  #pinsChange({ id, conversationId, pinnedAt = undefined }) {
    if (pinnedAt || this.timeline(conversationId).find(id)?.pinnedAt) this.topics.changed(`pins:${conversationId}`);
  }

  /** Removes a message that the user deleted only for themselves. */
  hidden(conversationId, id) {
    this.timeline(conversationId).drop(id);
    this.conversations.fetch(conversationId).catch(() => undefined);
  }

  #last(conversationId, id, change) {
    const conversation = this.conversations.get(conversationId);
    if (!conversation) return this.conversations.missed(conversationId);
    const last = conversation.lastMessage;
    if (last?.id === id) this.conversations.change(conversationId, { lastMessage: change(last) });
  }

  #onReaction({ conversationId, id, userId, emoji, on }) {
    this.timeline(conversationId).update(id, (old) => {
      return { ...old, reactions: withReaction(old.reactions ?? [], emoji, on, userId === this.me?.id) };
    });
  }

  #onConversation(data) {
    if (data.left) return this.conversations.remove(data.id);
    if (!this.conversations.get(data.id)) return this.conversations.learn(data.id);
    this.conversations.change(data.id, (old) => ({ ...GONE, ...data, ...own(old), members: membersNow(data, old.members) }));
    this.topics.changed(`members:${data.id}`);
  }

  /** The user cleared a conversation, here or on another device. */
  cleared({ conversationId, seq, removed }) {
    this.timeline(conversationId).clear(seq);
    if (!removed) return this.conversations.clearedUpTo(conversationId, seq);
    this.conversations.remove(conversationId);
    return this.topics.changed(`removed:${conversationId}`);
  }

  #onMedia(name, data) {
    const status = { media_ready: "ready", media_failed: "failed" }[name];
    const known = this.#known.get(data.mediaId);
    if (known && status) this.#known.set(data.mediaId, { ...known, ...data, status });
    for (const timeline of this.#timelines.values()) {
      for (const message of timeline.naming(data.mediaId)) {
        const attachments = message.attachments.map((a) => (a.mediaId === data.mediaId ? changed(a, data, status) : a));
        timeline.update(message.id, { attachments });
      }
    }
  }

  async #onResync() {
    for (const timeline of this.#timelines.values()) timeline.forget();
    this.conversations.forget();
    this.people.refresh();
    this.topics.changed("resync"); // the open conversation loads again
    await this.conversations.loadFirst();
  }

  async #loadOutbox() {
    const waiting = await this.client.outbox();
    for (const { conversationId, message, status, error } of waiting) {
      const conversation = conversationId ?? message.conversationId;
      if (conversation) this.timeline(conversation).addPending({ ...this.#shown(message), status, error });
    }
  }
}

/** A live event leaves out where members joined: known ones joined where they did before, and a new one with the last message. */
const membersNow = ({ members, lastSeq }, known) =>
  members && known ? members.map((member) => ({ joinedSeq: lastSeq, ...known.find((one) => one.userId === member.userId), ...member })) : known;

const own = ({ unread, mentions, mutedUntil, exceptMentions, archived, pinned, lastMessage, lastSeq, updatedAt }) => {
  return { unread, mentions, mutedUntil, exceptMentions, archived, pinned, lastMessage, lastSeq, updatedAt };
};

function changed(attachment, data, status) {
  return { ...attachment, ...data, status: status ?? attachment.status };
}
