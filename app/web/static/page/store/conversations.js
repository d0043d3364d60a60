// One's conversations, newest activity first, with what is unread in each.

const PAGE = 40;

export class Conversations {
  /** Whether the first page has come. */
  ready = false;
  failed = null;
  #client;
  #topics;
  #me;
  #byId = new Map();
  #cursor = undefined;
  #asking = new Map();
  #told = new Map(); // the last seq that we were told of, by conversation
  #stale = false;

  constructor(client, topics) {
    this.#client = client;
    this.#topics = topics;
    this.#me = () => client.me?.id;
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** Those one has pinned first, then by activity. */
  list() {
    const shown = this.#listed().filter((c) => !c.archived);
    return shown.sort((a, b) => Number(b.pinned) - Number(a.pinned) || (a.updatedAt < b.updatedAt ? 1 : -1));
  }

  archived() {
    return this.#listed().filter((c) => c.archived).sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
  }

  #listed() {
    return [...this.#byId.values()].filter((c) => !c.unlisted);
  }

  hasMore() {
    return this.#cursor !== undefined;
  }

  /** The direct conversation with this user, where there is one already. */
  directWith(userId) {
    return [...this.#byId.values()].find((c) => c.kind === "direct" && this.peerOf(c) === userId);
  }

  /** The other one of a direct conversation; oneself in one's notes. */
  peerOf(conversation) {
    const others = (conversation.members ?? []).map((m) => m.userId).filter((id) => id !== this.#me());
    return others[0] ?? this.#me();
  }

  /** Whatever was missed cannot be told: the next `loadFirst` begins the list anew. */
  forget() {
    this.#told = new Map();
    this.#stale = true;
  }

  async loadFirst() {
    const told = this.#told;
    try {
      const page = await this.#client.conversations({ limit: PAGE });
      if (told !== this.#told) return; // to be forgotten before it came: whoever said so asks again
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
    if (this.#cursor === undefined || this.#asking.has("more")) return;
    this.#asking.set("more", true);
    try {
      this.#take(await this.#client.conversations({ cursor: this.#cursor, limit: PAGE }));
    } finally {
      this.#asking.delete("more");
    }
  }

  /** Until the server names them again; one that is open asks for itself. */
  #unlist() {
    for (const [id, old] of this.#byId) if (!this.#told.has(id)) this.#byId.set(id, { ...old, unlisted: true });
  }

  #take({ conversations, cursor }) {
    this.#cursor = cursor;
    conversations.forEach((conversation) => this.put(conversation));
  }

  /** What the server says of one. What came live after the answer was made stands. */
  put(conversation) {
    const old = this.#byId.get(conversation.id);
    const told = this.#told.get(conversation.id) ?? 0;
    const stale = old && told > (conversation.lastSeq ?? 0);
    this.#told.set(conversation.id, Math.max(told, conversation.lastSeq ?? 0));
    const kept = stale ? pick(old, ["lastSeq", "lastMessage", "unread", "mentions", "updatedAt"]) : {};
    this.#byId.set(conversation.id, { members: old?.members, ...conversation, ...kept });
    this.#topics.changed("conversations", `conversation:${conversation.id}`);
    return this.#byId.get(conversation.id);
  }

  change(id, changes) {
    const old = this.#byId.get(id);
    if (!old) return;
    this.#byId.set(id, { ...old, ...(typeof changes === "function" ? changes(old) : changes) });
    this.#topics.changed("conversations", `conversation:${id}`);
  }

  remove(id) {
    this.#byId.delete(id);
    this.#topics.changed("conversations", `conversation:${id}`);
  }

  /** It with its members, from the server; asked once at a time. Rejects where it is not ours. */
  async fetch(id) {
    if (!this.#asking.has(id)) {
      const asked = this.#client.conversation(id).finally(() => this.#asking.delete(id));
      this.#asking.set(id, asked);
    }
    return this.put(await this.#asking.get(id));
  }

  /** A new message: last of its conversation, and unread unless it is one's own. */
  note(message) {
    const own = message.senderId === this.#me();
    const conversation = this.#byId.get(message.conversationId);
    if (!conversation || conversation.unlisted) return void this.fetch(message.conversationId).catch(() => undefined);
    if (message.seq <= (this.#told.get(message.conversationId) ?? 0)) return;
    this.#told.set(message.conversationId, message.seq);
    const named = message.mentionsAll || message.mentions?.includes(this.#me());
    this.change(message.conversationId, {
      lastSeq: message.seq,
      lastMessage: message,
      updatedAt: message.sentAt,
      unread: own ? conversation.unread : conversation.unread + 1,
      mentions: conversation.mentions + (named && !own ? 1 : 0),
    });
  }

  /** Somebody's mark moved, ours among them. `which` is deliveredSeq or readSeq. */
  mark({ conversationId, userId, seq }, which) {
    this.change(conversationId, (old) => ({ members: moved(old.members, userId, seq, which) }));
    if (which === "readSeq" && userId === this.#me()) this.readUpTo(conversationId, seq);
    this.#topics.changed(`marks:${conversationId}`);
  }

  /** We have read up to `seq`, here or elsewhere. */
  readUpTo(id, seq) {
    this.change(id, (old) => {
      const left = Math.max(0, old.lastSeq - seq);
      return { unread: Math.min(old.unread, left), mentions: left === 0 ? 0 : old.mentions };
    });
  }

  readSeqOf(conversation) {
    const own = conversation.members?.find((member) => member.userId === this.#me());
    return own?.readSeq ?? conversation.lastSeq - conversation.unread;
  }

  totalUnread() {
    return this.#listed().reduce((sum, c) => sum + (!isMuted(c) ? c.unread : c.exceptMentions ? c.mentions : 0), 0);
  }
}

export function isMuted(conversation) {
  return Boolean(conversation.mutedUntil) && new Date(conversation.mutedUntil) > new Date();
}

/** Marks only move forward, and what is read is delivered. */
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
