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
     * @param {string} id @param {string | undefined} message without it, the text stays @param {number} [conversationId]
     * @param {string} [after] `editedAt` of the text that it replaces, or `sentAt` if that was never edited
     * @param {Metadata | null} [metadata] without it, the message's metadata stays; null removes it
     * @returns {Promise<ChangeAck>}
     */
    edit(id: string, message: string | undefined, conversationId?: number, after?: string, metadata?: Metadata | null): Promise<ChangeAck>;
    /** @param {string} id @param {"everyone" | "me"} [scope] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    remove(id: string, scope?: "everyone" | "me", conversationId?: number): Promise<ChangeAck>;
    /** @param {string} id @param {string} emoji @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    react(id: string, emoji: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** @param {string} id @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    pin(id: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** Stars a message for yourself. @param {string} id @param {boolean} [on] @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    star(id: string, on?: boolean, conversationId?: number): Promise<ChangeAck>;
    /** @param {{ before?: string, limit?: number }} [query] `before`: the `cursor` of the previous page @returns {Promise<StarredMessages>} */
    starred(query?: {
        before?: string;
        limit?: number;
    }): Promise<StarredMessages>;
    /**
     * Stores the text that the user has begun to write, for their other devices. Empty text without `replyTo` deletes the draft.
     * @param {number} conversationId @param {string} message @param {string} [replyTo] the message that it answers
     * @returns {Promise<OwnAck>}
     */
    setDraft(conversationId: number, message: string, replyTo?: string): Promise<OwnAck>;
    /**
     * Shows a conversation as unread on your own devices; other members see your read mark as before.
     * @param {number} conversationId @param {boolean} [on] @returns {Promise<OwnAck>}
     */
    markUnread(conversationId: number, on?: boolean): Promise<OwnAck>;
    /**
     * Removes messages from your own view, for good. `remove` also takes a direct conversation off your list until its next message.
     * @param {number} conversationId @param {{ seq?: number, remove?: boolean }} [options] `seq`: the last one; all by default
     * @returns {Promise<ClearAck>}
     */
    clear(conversationId: number, options?: {
        seq?: number;
        remove?: boolean;
    }): Promise<ClearAck>;
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
    /**
     * Sends an event of your application to the other members who are online (`custom`). Nothing is stored.
     * @param {number} conversationId @param {string} type a word: a–z, 0–9 and _ @param {any} [data] JSON of at most 4 KiB
     * @returns {Promise<{}>}
     */
    sendEvent(conversationId: number, type: string, data?: any): Promise<{}>;
    /**
     * Sends a message that grows. It has an `id` of its own, or the one that you give.
     * @param {NewStream} stream @returns {Promise<Ack>}
     */
    startStream(stream: NewStream): Promise<Ack>;
    /**
     * Adds text to your stream. A repeated call adds nothing, so it is safe to try again.
     * @param {string} id @param {number} from the number of characters (code points) before `text` @param {string} text empty to keep the stream open without more text
     * @returns {Promise<AppendAck | null>} null without a WebSocket
     */
    appendStream(id: string, from: number, text: string): Promise<AppendAck | null>;
    /** Ends your stream. @param {string} id @param {string} [message] the final text; by default, the text so far @returns {Promise<ChangeAck>} */
    endStream(id: string, message?: string): Promise<ChangeAck>;
    /** Ends a stream of any member: its writer's next text is refused. @param {string} id @param {number} [conversationId] @returns {Promise<ChangeAck>} */
    stopStream(id: string, conversationId?: number): Promise<ChangeAck>;
    /** @param {number[]} userIds @returns {Promise<Presence[]>} their current presence */
    presence(userIds: number[]): Promise<Presence[]>;
    /** Subscribes to `presence` events of these users. @param {number[]} userIds @returns {Promise<Presence[]>} their current presence */
    watchPresence(userIds: number[]): Promise<Presence[]>;
    #private;
}
import { AccountCalls } from "./account_calls.js";
import type { Metadata } from "./types.js";
import type { ChangeAck } from "./types.js";
import type { StarredMessages } from "./types.js";
import type { OwnAck } from "./types.js";
import type { ClearAck } from "./types.js";
import type { MarkAck } from "./types.js";
import type { UnreadMessages } from "./types.js";
import type { Target } from "./types.js";
import type { NewStream } from "./types.js";
import type { Ack } from "./types.js";
import type { AppendAck } from "./types.js";
import type { Presence } from "./types.js";
