// Presence and typing of other users. The server does not store typing, so it expires here.

const TYPING_MS = 6000;

export class Presence {
  #client;
  #topics;
  #byUser = new Map();
  #watched = new Set();
  #typing = new Map(); // conversation id → user id → timer

  constructor(client, topics) {
    this.#client = client;
    this.#topics = topics;
  }

  /** Returns `{status, lastSeen}`, or undefined while it is unknown. */
  get(userId) {
    return this.#byUser.get(userId);
  }

  isOnline(userId) {
    return this.#byUser.get(userId)?.status === "online";
  }

  put({ userId, status, lastSeen }) {
    this.#byUser.set(userId, { status, lastSeen });
    this.#topics.changed("presence");
  }

  /** Subscribes to the presence of these users. */
  async watch(userIds) {
    const fresh = userIds.filter((id) => id !== this.#client.me?.id && !this.#watched.has(id));
    if (!fresh.length) return;
    fresh.forEach((id) => this.#watched.add(id));
    try {
      const now = await this.#client.watchPresence(fresh);
      for (const one of now ?? []) this.put(one);
    } catch {
      fresh.forEach((id) => this.#watched.delete(id)); // tries again when the conversation is drawn again
    }
  }

  /** Clears all presence: while this page is offline, it cannot know who is online. */
  forget() {
    this.#byUser.clear();
    for (const of of this.#typing.values()) for (const timer of of.values()) clearTimeout(timer);
    const typing = [...this.#typing.keys()].map((id) => `typing:${id}`);
    this.#typing.clear();
    this.#topics.changed("presence", "typing", ...typing);
  }

  typingIn(conversationId) {
    return [...(this.#typing.get(conversationId)?.keys() ?? [])];
  }

  setTyping({ conversationId, userId, typing }) {
    const here = this.#typing.get(conversationId) ?? new Map();
    this.#typing.set(conversationId, here);
    clearTimeout(here.get(userId));
    here.delete(userId);
    if (typing) {
      const expire = () => this.setTyping({ conversationId, userId, typing: false });
      here.set(userId, setTimeout(expire, TYPING_MS));
    }
    this.#topics.changed("typing", `typing:${conversationId}`);
  }
}
