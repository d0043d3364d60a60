/** The commands of docs/protocol.md, section 3, that need no outbox. Answers are acks. */
export class Acts extends Api {
    /** @param {string} _name @param {any} _data @returns {Promise<any>} */
    command(_name: string, _data: any): Promise<any>;
    /** @param {string} _name @param {any} _data without an answer */
    tell(_name: string, _data: any): void;
    /** @param {number[]} _userIds */
    watch(_userIds: number[]): void;
    /** @param {string} id @param {string} message @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    edit(id: string, message: string, conversationId?: number): Promise<ChangeAck>;
    /** @param {string} id @param {"everyone" | "me"} [scope] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    remove(id: string, scope?: "everyone" | "me", conversationId?: number): Promise<ChangeAck>;
    /** @param {string} id @param {string} emoji @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    react(id: string, emoji: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** @param {string} id @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    pin(id: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** @param {number} conversationId @param {number} seq all up to it @returns {Promise<MarkAck>} */
    markRead(conversationId: number, seq: number): Promise<MarkAck>;
    /** @param {number} conversationId @param {number} seq all up to it @returns {Promise<MarkAck>} */
    markDelivered(conversationId: number, seq: number): Promise<MarkAck>;
    /** @param {{ conversationId?: number, limit?: number }} [query] @returns {Promise<UnreadMessages>} */
    fetchUnread(query?: {
        conversationId?: number;
        limit?: number;
    }): Promise<UnreadMessages>;
    /** To be called at every key: it is told when it begins, every 3 s while it lasts, and when it ends.
     * @param {Target} target */
    typing(target: Target, on?: boolean): void;
    /** @param {number[]} userIds @returns {Promise<Presence[]>} their presence now */
    presence(userIds: number[]): Promise<Presence[]>;
    /** `presence` events of these users from now on. @param {number[]} userIds @returns {Promise<Presence[]>} their presence now */
    watchPresence(userIds: number[]): Promise<Presence[]>;
    #private;
}
import { Api } from "./api.js";
import type { ChangeAck } from "./types.js";
import type { MarkAck } from "./types.js";
import type { UnreadMessages } from "./types.js";
import type { Target } from "./types.js";
import type { Presence } from "./types.js";
