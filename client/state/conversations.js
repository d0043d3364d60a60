// The user's conversations, newest activity first, with their unread counts.

const PAGE = 40;
const LOADS = 3; // of one conversation in a row: in a busy one, events may come during each

export class Conversations {
  /** True when the first page is loaded. */
  ready = false;
  failed = null;
  #client;
  #topics;
  #me;
  #byId = new Map();
  #cursor = undefined;
  #loading = new Map();
  #outdated = new Set(); // conversations of which an event arrived while they were loading
  #changedSince = new Set(); // of each list that is loading: the conversations of which an event arrived
  #lastSeqs = new Map(); // the last seq that the server sent, by conversation
  #stale = false;

  constructor(client, topics) {
    this.#client = client;
    this.#topics = topics;
    this.#me = () => client.me?.id;
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** Returns pinned conversations first, then by activity. */
  list() {
    const shown = this.#listed().filter((c) => !c.archived);
    return shown.sort((a, b) => Number(b.pinned) - Number(a.pinned) || byActivity(a, b));
  }

  archived() {
    return this.#listed().filter((c) => c.archived).sort(byActivity);
  }

  #listed() {
    return [...this.#byId.values()].filter((c) => !c.unlisted);
  }

  hasMore() {
    return this.#cursor !== undefined;
  }

  /** Returns the direct conversation with this user, if there is one. */
  directWith(userId) {
    return [...this.#byId.values()].find((c) => c.kind === "direct" && this.peerOf(c) === userId);
  }

  /** Returns the other user of a direct conversation; the user's own id for notes to yourself. */
  peerOf(conversation) {
    const others = (conversation.members ?? []).map((m) => m.userId).filter((id) => id !== this.#me());
    return others[0] ?? this.#me();
  }

  /** Called if events were missed for good: the next `loadFirst` starts a new list. */
  forget() {
    this.#lastSeqs = new Map();
    this.#stale = true;
  }

  async loadFirst() {
    const known = this.#lastSeqs;
    try {
      const page = await this.#page();
      if (known !== this.#lastSeqs) return; // `forget` was called in the meantime, and its caller loads the list again
      if (this.#stale) this.#unlist();
      this.#stale = false;
      this.#take(page);
      this.failed = null;
    } catch (error) {
      this.failed = error;
    }
    this.ready = true;
    this.#topics.changed("conversations");
  }

  async loadMore() {
    if (this.#cursor === undefined || this.#loading.has("more")) return;
    this.#loading.set("more", true);
    try {
      this.#take(await this.#page(this.#cursor));
    } finally {
      this.#loading.delete("more");
    }
  }

  /** Hides conversations until the server lists them again; the open one fetches itself. */
  #unlist() {
    for (const [id, old] of this.#byId) if (!this.#lastSeqs.has(id)) this.#byId.set(id, { ...old, unlisted: true });
  }

  async #page(cursor) {
    const changed = new Set();
    this.#changedSince.add(changed);
    try {
      return { ...(await this.#client.conversations({ cursor, limit: PAGE })), changed };
    } finally {
      this.#changedSince.delete(changed);
    }
  }

  /** The answer may have been made before an event that arrived in the meantime, so `changed` ones are loaded again. */
  #take({ conversations, cursor, changed }) {
    this.#cursor = cursor;
    conversations.forEach((conversation) => this.put(conversation));
    conversations.forEach(({ id }) => changed.has(id) && this.learn(id));
  }

  /** Stores a conversation from a REST answer. Newer state from live events wins. */
  put(conversation) {
    const old = this.#byId.get(conversation.id);
    const known = this.#lastSeqs.get(conversation.id) ?? 0;
    const stale = old && known > (conversation.lastSeq ?? 0);
    this.#lastSeqs.set(conversation.id, Math.max(known, conversation.lastSeq ?? 0));
    const kept = stale ? pick(old, ["lastSeq", "lastMessage", "unread", "mentions", "updatedAt"]) : {};
    this.#byId.set(conversation.id, { members: old?.members, ...conversation, ...kept });
    this.#topics.changed("conversations", `conversation:${conversation.id}`);
    return this.#byId.get(conversation.id);
  }

  change(id, changes) {
    this.missed(id);
    this.#apply(id, changes);
  }

  /** Changes what `put` does not take from an older answer. */
  #apply(id, changes) {
    const old = this.#byId.get(id);
    if (!old) return this.missed(id);
    this.#byId.set(id, { ...old, ...(typeof changes === "function" ? changes(old) : changes) });
    this.#topics.changed("conversations", `conversation:${id}`);
  }

  remove(id) {
    this.missed(id);
    this.#byId.delete(id);
    this.#topics.changed("conversations", `conversation:${id}`);
  }

  /** Fetches a conversation with its members; concurrent calls share one request. Rejects if the user is not a member. */
  async fetch(id) {
    if (!this.#loading.has(id)) this.#loading.set(id, this.#load(id).finally(() => this.#loading.delete(id)));
    return this.#loading.get(id);
  }

  /** The answer may have been made before an event that arrived in the meantime, so the conversation is then loaded again. */
  async #load(id) {
    let loaded;
    try {
      for (let left = LOADS; left > 0 && (!loaded || this.#outdated.has(id)); left -= 1) {
        this.#outdated.delete(id);
        loaded = this.put(await this.#client.conversation(id));
      }
    } catch (error) {
      if (error.code === "not_found") this.remove(id);
      throw error;
    }
    return loaded;
  }

  /** Fetches a conversation because of an event about it. */
  learn(id) {
    this.missed(id);
    this.fetch(id).catch(() => undefined);
  }

  /** An event came about a conversation that may be loading. */
  missed(id) {
    if (this.#loading.has(id)) this.#outdated.add(id);
    for (const changed of this.#changedSince) changed.add(id);
  }

  /** Fetches a conversation again, because events were missed. Returns it, or undefined if the user is no longer a member. */
  async fetchAgain(id) {
    await this.fetch(id).catch(() => undefined);
    return this.get(id);
  }

  /** Returns whether the message mentions the user. */
  names(message) {
    return Boolean(message.mentionsAll || message.mentions?.includes(this.#me()));
  }

  /**
   * Counts or discounts a mention after an edit. Returns whether the edit newly mentions the user, which is news like a new message.
   * @param {any} message @param {any} before the message before the edit, if it is known
   */
  edited(message, before = this.#lastOf(message)) {
    const is = this.names(message);
    if (!before || message.senderId === this.#me() || this.names(before) === is) return false;
    this.change(message.conversationId, (old) => {
      const counts = message.seq > this.readSeqOf(old);
      return { mentions: Math.max(0, old.mentions + (counts ? (is ? 1 : -1) : 0)) };
    });
    return is;
  }

  /** Returns the last message of the conversation if it has the same id. */
  #lastOf({ conversationId, id }) {
    const last = this.#byId.get(conversationId)?.lastMessage;
    return last?.id === id ? last : undefined;
  }

  /** Adds a new message: it becomes the last of its conversation, and is unread unless the user sent it. */
  note(message) {
    const own = message.senderId === this.#me();
    const conversation = this.#byId.get(message.conversationId);
    if (!conversation || conversation.unlisted) return this.learn(message.conversationId);
    if (message.seq <= (this.#lastSeqs.get(message.conversationId) ?? 0)) return;
    this.#lastSeqs.set(message.conversationId, message.seq);
    const named = this.names(message);
    this.#apply(message.conversationId, {
      lastSeq: message.seq,
      lastMessage: message,
      updatedAt: message.sentAt,
      unread: own ? conversation.unread : conversation.unread + 1,
      mentions: conversation.mentions + (named && !own ? 1 : 0),
    });
  }

  /** Moves a member's mark, possibly the user's own. `which` is deliveredSeq or readSeq. */
  mark({ conversationId, userId, seq }, which) {
    this.change(conversationId, (old) => ({ members: moved(old.members, userId, seq, which) }));
    if (which === "readSeq" && userId === this.#me()) this.readUpTo(conversationId, seq);
    this.#topics.changed(`marks:${conversationId}`);
  }

  /** The user has read up to `seq`, on this device or another. */
  readUpTo(id, seq) {
    this.change(id, (old) => {
      const left = Math.max(0, old.lastSeq - seq);
      return { unread: Math.min(old.unread, left), mentions: left === 0 ? 0 : old.mentions, markedUnread: undefined };
    });
  }

  /** The user no longer sees messages up to `seq`. */
  clearedUpTo(id, seq) {
    this.readUpTo(id, seq);
    this.change(id, ({ lastMessage }) => ({ lastMessage: lastMessage?.seq <= seq ? undefined : lastMessage }));
  }

  readSeqOf(conversation) {
    const own = conversation.members?.find((member) => member.userId === this.#me());
    return own?.readSeq ?? conversation.lastSeq - conversation.unread;
  }

  totalUnread() {
    return this.#listed().reduce((sum, c) => sum + (!isMuted(c) ? c.unread || Number(Boolean(c.markedUnread)) : c.exceptMentions ? c.mentions : 0), 0);
  }
}

const byActivity = (a, b) => (a.updatedAt < b.updatedAt ? 1 : -1);

export function isMuted(conversation) {
  return Boolean(conversation.mutedUntil) && new Date(conversation.mutedUntil) > new Date();
}

/** Marks only move forward, and a message that is read is also delivered. */
function moved(members, userId, seq, which) {
  return members?.map((member) => {
    if (member.userId !== userId) return member;
    const next = { ...member, [which]: Math.max(member[which], seq) };
    return { ...next, deliveredSeq: Math.max(next.deliveredSeq, next.readSeq) };
  });
}

function pick(from, names) {
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}
