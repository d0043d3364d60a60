/**
 * Hooks over the state of the client (client/state/), for React 18 or newer, React Native too. A component only renders again
 * when the data that it shows has changed.
 *
 * @import { Conversation, State, User } from "../lib/types.js"
 * @import { Store } from "../state/store.js"
 */
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";

/**
 * @typedef {import("../lib/types.js").ShownMessage} ShownMessage
 * @typedef {(message: string, more?: Partial<import("../lib/types.js").Outgoing>) => import("../lib/types.js").OwnMessage} Send
 */

const Context = createContext(/** @type {Store | null} */ (null));

/**
 * Gives the store to the hooks below it. Make the store once, outside of components, and call `begin()`.
 * @param {{ store: Store, children?: any }} props @returns {any}
 */
export function ParleyProvider({ store, children }) {
  return createElement(Context.Provider, { value: store }, children);
}

/** @returns {Store} */
export function useStore() {
  const store = useContext(Context);
  if (!store) throw new Error("There is no <ParleyProvider> above this component.");
  return store;
}

/**
 * Renders the component again when one of the topics changes. Returns a number that changes with them: a dependency for `useMemo`.
 * @param {string[]} topics @returns {number}
 */
export function useTopics(topics) {
  const store = useStore();
  const key = topics.join("\n");
  const subscribe = useCallback((/** @type {() => void} */ draw) => store.topics.on(key.split("\n"), draw), [store, key]);
  const version = () => store.topics.version(key.split("\n"));
  return useSyncExternalStore(subscribe, version, () => 0);
}

/** @returns {State} */
export function useConnection() {
  useTopics(["connection"]);
  return useStore().connection;
}

/**
 * The list of conversations, newest activity first. `ready` is false until the first page is there.
 * @returns {{ conversations: Conversation[], ready: boolean, error: any, hasMore: boolean, loadMore: () => Promise<void> }}
 */
export function useConversations() {
  const { conversations } = useStore();
  const version = useTopics(["conversations"]);
  return useMemo(() => ({
    conversations: conversations.list(),
    ready: conversations.ready,
    error: conversations.failed,
    hasMore: conversations.hasMore(),
    loadMore: () => conversations.loadMore(),
  }), [conversations, version]);
}

/** The number of unread messages in all conversations that are not muted. @returns {number} */
export function useUnread() {
  useTopics(["conversations"]);
  return useStore().conversations.totalUnread();
}

/** A conversation, with its members; undefined until it is loaded, or if the user is not in it. @param {number} id @returns {Conversation | undefined} */
export function useConversation(id) {
  const { conversations } = useStore();
  useTopics([`conversation:${id}`]);
  useEffect(() => {
    if (!conversations.get(id)?.members) conversations.fetch(id).catch(() => undefined);
  }, [conversations, id]);
  return conversations.get(id);
}

/**
 * The loaded messages of a conversation, oldest first, with those that are being sent. `send` shows the message at once.
 * @param {number} id
 * @returns {{ messages: ShownMessage[], ready: boolean, error: any, hasEarlier: boolean, loadEarlier: () => Promise<void>,
 *   send: Send, markRead: () => void }}
 */
export function useMessages(id) {
  const store = useStore();
  const timeline = store.timeline(id);
  const version = useTopics([`messages:${id}`]);
  const resyncs = useTopics(["resync"]);
  const [{ shown, error }, setLoaded] = useState({ shown: 0, error: /** @type {any} */ (null) });
  useEffect(() => {
    let current = true;
    const done = (/** @type {any} */ failure) => current && setLoaded({ shown: failure ? 0 : id, error: failure });
    timeline.loadNewest().then(() => done(null), done);
    return () => void (current = false);
  }, [timeline, id, resyncs]);
  return useMemo(() => {
    const first = timeline.knownFrom(timeline.lastSeq);
    return {
      messages: timeline.around(timeline.lastSeq),
      ready: shown === id,
      error,
      hasEarlier: shown === id && first > 1,
      loadEarlier: () => timeline.loadBefore(first),
      send: (/** @type {string} */ message, more = {}) => store.send({ conversationId: id, message, ...more }),
      markRead: () => void (timeline.lastSeq && store.markRead(id, timeline.lastSeq)),
    };
  }, [store, timeline, id, version, shown, error]);
}

/** The ids of the users who are typing. @param {number} id of the conversation @returns {number[]} */
export function useTyping(id) {
  const { presence } = useStore();
  const version = useTopics([`typing:${id}`]);
  return useMemo(() => presence.typingIn(id), [presence, id, version]);
}

/** A user; a placeholder until the name is loaded. Messages of the system have no sender (null). @param {number | null} userId @returns {User} */
export function useUser(userId) {
  useTopics(["people"]);
  return useStore().people.get(userId);
}

/** Returns for each of the users whether they are online. @param {number[]} userIds @returns {boolean[]} */
export function usePresence(userIds) {
  const { presence } = useStore();
  const version = useTopics(["presence"]);
  const key = userIds.join();
  useEffect(() => void presence.watch(key ? key.split(",").map(Number) : []), [presence, key]);
  return useMemo(() => (key ? key.split(",").map((id) => presence.isOnline(Number(id))) : []), [presence, key, version]);
}

/**
 * The text that the user has begun to write, on this device or another, and a function that changes it.
 * @param {number} id of the conversation @returns {[string, (text: string) => void]}
 */
export function useDraft(id) {
  const { drafts } = useStore();
  const version = useTopics([`draft:${id}`]);
  const [own, setOwn] = useState({ id, version, text: drafts.of(id).message });
  const now = own.id === id && own.version === version ? own.text : drafts.of(id).message;
  const change = useCallback((/** @type {string} */ text) => {
    drafts.set(id, text);
    setOwn({ id, version, text });
  }, [drafts, id, version]);
  return [now, change];
}
