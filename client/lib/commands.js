/** @import { Ack, AppendAck, ChangeAck, ClearAck, MarkAck, Metadata, NewStream, OwnAck, Presence, StarredMessages, Target, UnreadMessages } from "./types.js" */
import { AccountCalls } from "./account_calls.js";
import { uuid7 } from "./ids.js";
import { fetchPresence } from "./presence_watch.js";
import { withQuery } from "./rest_routes.js";

const TYPING_MS = 3_000;

/** The commands of docs/protocol.md, section 3, that do not go through the outbox. They resolve to acks. */
export class Commands extends AccountCalls {
  /** @type {Map<string, number>} */ #typed = new Map();

  /** @param {string} _name @param {any} _data @returns {Promise<any>} */
  command(_name, _data) {
    throw new Error();
  }

  /** Sends a command that has no answer. @param {string} _name @param {any} _data */
  notify(_name, _data) {}

  /** @param {number[]} _userIds */
  watch(_userIds) {}

  /**
   * Replaces the text. With `after`, a later edit is not overwritten (`conflict`), so the edit can be repeated safely.
   * @param {string} id @param {string | undefined} message without it, the text stays @param {number} [conversationId]
   * @param {string} [after] `editedAt` of the text that it replaces, or `sentAt` if that was never edited
   * @param {Metadata | null} [metadata] without it, the message's metadata stays; null removes it
   * @returns {Promise<ChangeAck>}
   */
  edit(id, message, conversationId, after, metadata) {
    return this.command("edit_message", { id, message, conversationId, after, metadata });
  }

  /** @param {string} id @param {"everyone" | "me"} [scope] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
  remove(id, scope = "everyone", conversationId) {
    return this.command("delete_message", { id, scope, conversationId });
  }

  /** @param {string} id @param {string} emoji @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
  react(id, emoji, on = true, conversationId) {
    return this.command("react", { id, emoji, on, conversationId });
  }

  /** @param {string} id @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
  pin(id, on = true, conversationId) {
    return this.command("pin_message", { id, on, conversationId });
  }

  /** Stars a message for yourself. @param {string} id @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
  star(id, on = true, conversationId) {
    return this.command("star_message", { id, on, conversationId });
  }

  /** @param {{ before?: string, limit?: number }} [query] `before`: the `cursor` of the previous page @returns {Promise<StarredMessages>} */
  starred(query = {}) {
    return this.request("GET", withQuery("/starred", query));
  }

  /**
   * Stores the text that the user has begun to write, for their other devices. Empty text without `replyTo` deletes the draft.
   * @param {number} conversationId @param {string} message @param {string} [replyTo] the message that it answers
   * @returns {Promise<OwnAck>}
   */
  setDraft(conversationId, message, replyTo) {
    return this.command("set_draft", { conversationId, message, replyTo });
  }

  /**
   * Shows a conversation as unread on your own devices; other members see your read mark as before.
   * @param {number} conversationId @param {boolean} [on] @returns {Promise<OwnAck>}
   */
  markUnread(conversationId, on = true) {
    return this.command("mark_unread", { conversationId, on });
  }

  /**
   * Removes messages from your own view, for good. `remove` also takes a direct conversation off your list until its next message.
   * @param {number} conversationId @param {{ seq?: number, remove?: boolean }} [options] `seq`: the last one; all by default
   * @returns {Promise<ClearAck>}
   */
  clear(conversationId, options = {}) {
    return this.command("clear_conversation", { conversationId, ...options });
  }

  /** @param {number} conversationId @param {number} seq marks everything up to it @returns {Promise<MarkAck>} */
  markRead(conversationId, seq) {
    return this.command("message_read", { conversationId, seq });
  }

  /** @param {number} conversationId @param {number} seq marks everything up to it @returns {Promise<MarkAck>} */
  markDelivered(conversationId, seq) {
    return this.command("message_delivered", { conversationId, seq });
  }

  /** @param {{ conversationId?: number, limit?: number }} [query] @returns {Promise<UnreadMessages>} */
  fetchUnread(query = {}) {
    return this.command("fetch_unread_messages", query);
  }

  /**
   * Call it at every keystroke. It sends an event when typing begins, every 3 s while it lasts, and when it ends.
   * @param {Target} target
   */
  typing(target, on = true) {
    const key = `${target.conversationId}/${target.receiverId}`;
    const last = this.#typed.get(key) ?? 0;
    if (on ? Date.now() - last < TYPING_MS : !last) return;
    if (on) this.#typed.set(key, Date.now());
    else this.#typed.delete(key);
    this.notify("typing", { ...target, typing: on });
  }

  /**
   * Sends an event of your application to the other members who are online (`custom`). Nothing is stored.
   * @param {number} conversationId @param {string} type a word: a–z, 0–9 and _ @param {any} [data] JSON of at most 4 KiB
   * @returns {Promise<{}>}
   */
  sendEvent(conversationId, type, data = {}) {
    return this.command("send_event", { conversationId, type, data });
  }

  /**
   * Sends a message that grows. It has an `id` of its own, or the one that you give.
   * @param {NewStream} stream @returns {Promise<Ack>}
   */
  startStream(stream) {
    return this.command("start_stream", { id: uuid7(), ...stream });
  }

  /**
   * Adds text to your stream. A repeated call adds nothing, so it is safe to try again.
   * @param {string} id @param {number} from the number of characters (code points) before `text` @param {string} text empty to keep the stream open without more text
   * @returns {Promise<AppendAck | null>} null without a WebSocket
   */
  appendStream(id, from, text) {
    return this.command("append_stream", { id, from, text });
  }

  /** Ends your stream. @param {string} id @param {string} [message] the final text; by default, the text so far @returns {Promise<ChangeAck>} */
  endStream(id, message) {
    return this.command("end_stream", { id, message });
  }

  /** Ends a stream of any member: its writer's next text is refused. @param {string} id @param {number} [conversationId] @returns {Promise<ChangeAck>} */
  stopStream(id, conversationId) {
    return this.command("stop_stream", { id, conversationId });
  }

  /** @param {number[]} userIds @returns {Promise<Presence[]>} their current presence */
  presence(userIds) {
    return fetchPresence((...call) => this.request(...call), userIds);
  }

  /** Subscribes to `presence` events of these users. @param {number[]} userIds @returns {Promise<Presence[]>} their current presence */
  watchPresence(userIds) {
    this.watch(userIds);
    return this.presence(userIds);
  }
}
