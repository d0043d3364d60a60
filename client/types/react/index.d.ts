/**
 * Gives the store to the hooks below it. Make the store once, outside of components, and call `begin()`.
 * @param {{ store: Store, children?: any }} props @returns {any}
 */
export function ParleyProvider({ store, children }: {
    store: Store;
    children?: any;
}): any;
/** @returns {Store} */
export function useStore(): Store;
/**
 * Renders the component again when one of the topics changes. Returns a number that changes with them: a dependency for `useMemo`.
 * @param {string[]} topics @returns {number}
 */
export function useTopics(topics: string[]): number;
/** @returns {State} */
export function useConnection(): State;
/**
 * The list of conversations, newest activity first. `ready` is false until the first page is there.
 * @returns {{ conversations: Conversation[], ready: boolean, error: any, hasMore: boolean, loadMore: () => Promise<void> }}
 */
export function useConversations(): {
    conversations: Conversation[];
    ready: boolean;
    error: any;
    hasMore: boolean;
    loadMore: () => Promise<void>;
};
/** The number of unread messages in all conversations that are not muted. @returns {number} */
export function useUnread(): number;
/** A conversation, with its members; undefined until it is loaded, or if the user is not in it. @param {number} id @returns {Conversation | undefined} */
export function useConversation(id: number): Conversation | undefined;
/**
 * The loaded messages of a conversation, oldest first, with those that are being sent. `send` shows the message at once.
 * @param {number} id
 * @returns {{ messages: ShownMessage[], ready: boolean, error: any, hasEarlier: boolean, loadEarlier: () => Promise<void>,
 *   send: Send, markRead: () => void }}
 */
export function useMessages(id: number): {
    messages: ShownMessage[];
    ready: boolean;
    error: any;
    hasEarlier: boolean;
    loadEarlier: () => Promise<void>;
    send: Send;
    markRead: () => void;
};
/** The ids of the users who are typing. @param {number} id of the conversation @returns {number[]} */
export function useTyping(id: number): number[];
/** A user; a placeholder until the name is loaded. Messages of the system have no sender (null). @param {number | null} userId @returns {User} */
export function useUser(userId: number | null): User;
/** Returns for each of the users whether they are online. @param {number[]} userIds @returns {boolean[]} */
export function usePresence(userIds: number[]): boolean[];
/**
 * The text that the user has begun to write, on this device or another, and a function that changes it.
 * @param {number} id of the conversation @returns {[string, (text: string) => void]}
 */
export function useDraft(id: number): [string, (text: string) => void];
export type ShownMessage = import("../lib/types.js").ShownMessage;
export type Send = (message: string, more?: Partial<import("../lib/types.js").Outgoing>) => import("../lib/types.js").OwnMessage;
import type { Store } from "../state/store.js";
import type { State } from "../lib/types.js";
import type { Conversation } from "../lib/types.js";
import type { User } from "../lib/types.js";
