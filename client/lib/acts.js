/** @import { ChangeAck, MarkAck, Presence, Target, UnreadMessages } from "./types.js" */
import { Api } from "./api.js";
import { askPresence } from "./watched.js";

const TYPING_EVERY_MS = 3_000;

/** The commands of docs/protocol.md, section 3, that need no outbox. Answers are acks. */
export class Acts extends Api {
  /** @type {Map<string, number>} */ #typed = new Map();

  /** @param {string} _name @param {any} _data @returns {Promise<any>} */
  command(_name, _data) {
    throw new Error();
  }

  /** @param {string} _name @param {any} _data without an answer */
  tell(_name, _data) {}

  /** @param {number[]} _userIds */
  watch(_userIds) {}

  /** @param {string} id @param {string} message @param {number} [conversationId] @returns {Promise<ChangeAck>} */
  edit(id, message, conversationId) {
    return this.command("edit_message", { id, message, conversationId });
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

  /** @param {number} conversationId @param {number} seq all up to it @returns {Promise<MarkAck>} */
  markRead(conversationId, seq) {
    return this.command("message_read", { conversationId, seq });
  }

  /** @param {number} conversationId @param {number} seq all up to it @returns {Promise<MarkAck>} */
  markDelivered(conversationId, seq) {
    return this.command("message_delivered", { conversationId, seq });
  }

  /** @param {{ conversationId?: number, limit?: number }} [query] @returns {Promise<UnreadMessages>} */
  fetchUnread(query = {}) {
    return this.command("fetch_unread_messages", query);
  }

  /** To be called at every key: it is told when it begins, every 3 s while it lasts, and when it ends.
   * @param {Target} target */
  typing(target, on = true) {
    const key = `${target.conversationId}/${target.receiverId}`;
    const last = this.#typed.get(key) ?? 0;
    if (on ? Date.now() - last < TYPING_EVERY_MS : !last) return;
    if (on) this.#typed.set(key, Date.now());
    else this.#typed.delete(key);
    this.tell("typing", { ...target, typing: on });
  }

  /** @param {number[]} userIds @returns {Promise<Presence[]>} their presence now */
  presence(userIds) {
    return askPresence((...call) => this.request(...call), userIds);
  }

  /** `presence` events of these users from now on. @param {number[]} userIds @returns {Promise<Presence[]>} their presence now */
  watchPresence(userIds) {
    this.watch(userIds);
    return this.presence(userIds);
  }
}
