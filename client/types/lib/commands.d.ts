/** The commands of docs/protocol.md, section 3, that do not go through the outbox. They resolve to acks. */
export class Commands extends AccountCalls {
    /** @param {string} _name @param {any} _data @returns {Promise<any>} */
    command(_name: string, _data: any): Promise<any>;
    /** Sends a command that has no answer. @param {string} _name @param {any} _data */
    notify(_name: string, _data: any): void;
    /** @param {number[]} _userIds */
    watch(_userIds: number[]): void;
    /**
     * Replaces the text. With `after`, a later edit is not overwritten (`conflict`), so the edit can be repeated safely.
     * @param {string} id @param {string} message @param {number} [conversationId]
     * @param {string} [after] `editedAt` of the text that it replaces, or `sentAt` if that was never edited
     * @returns {Promise<ChangeAck>}
     */
    edit(id: string, message: string, conversationId?: number, after?: string): Promise<ChangeAck>;
    /** @param {string} id @param {"everyone" | "me"} [scope] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    remove(id: string, scope?: "everyone" | "me", conversationId?: number): Promise<ChangeAck>;
    /** @param {string} id @param {string} emoji @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    react(id: string, emoji: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** @param {string} id @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    pin(id: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** Stars a message for yourself. @param {string} id @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    star(id: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** @param {{ before?: string, limit?: number }} [query] `before`: the `cursor` of the page before @returns {Promise<StarredMessages>} */
    starred(query?: {
        before?: string;
        limit?: number;
    }): Promise<StarredMessages>;
    /** @param {number} conversationId @param {number} seq marks everything up to it @returns {Promise<MarkAck>} */
    markRead(conversationId: number, seq: number): Promise<MarkAck>;
    /** @param {number} conversationId @param {number} seq marks everything up to it @returns {Promise<MarkAck>} */
    markDelivered(conversationId: number, seq: number): Promise<MarkAck>;
    /** @param {{ conversationId?: number, limit?: number }} [query] @returns {Promise<UnreadMessages>} */
    fetchUnread(query?: {
        conversationId?: number;
        limit?: number;
    }): Promise<UnreadMessages>;
    /**
     * Call it at every keystroke. It sends an event when typing begins, every 3 s while it lasts, and when it ends.
     * @param {Target} target
     */
    typing(target: Target, on?: boolean): void;
    /** @param {number[]} userIds @returns {Promise<Presence[]>} their current presence */
    presence(userIds: number[]): Promise<Presence[]>;
    /** Subscribes to `presence` events of these users. @param {number[]} userIds @returns {Promise<Presence[]>} their current presence */
    watchPresence(userIds: number[]): Promise<Presence[]>;
    #private;
}
import { AccountCalls } from "./account_calls.js";
import type { ChangeAck } from "./types.js";
import type { StarredMessages } from "./types.js";
import type { MarkAck } from "./types.js";
import type { UnreadMessages } from "./types.js";
import type { Target } from "./types.js";
import type { Presence } from "./types.js";
