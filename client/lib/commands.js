/** @import { ChangeAck, MarkAck, Presence, StarredMessages, Target, UnreadMessages } from "./types.js" */
import { AccountCalls } from "./account_calls.js";
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
   * @param {string} id @param {string} message @param {number} [conversationId]
   * @param {string} [after] `editedAt` of the text that it replaces, or `sentAt` if that was never edited
   * @returns {Promise<ChangeAck>}
   */
  edit(id, message, conversationId, after) {
    return this.command("edit_message", { id, message, conversationId, after });
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

  /** @param {{ before?: string, limit?: number }} [query] `before`: the `cursor` of the page before @returns {Promise<StarredMessages>} */
  starred(query = {}) {
    return this.request("GET", withQuery("/starred", query));
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
