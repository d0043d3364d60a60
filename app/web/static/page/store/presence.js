// Who is online, and who is typing where. Neither is kept by the server: typing lapses here too.

const TYPING_LAPSES_MS = 6000;

export class Presence {
  #client;
  #topics;
  #of = new Map();
  #watched = new Set();
  #typing = new Map(); // conversation id → user id → timer

  constructor(client, topics) {
    this.#client = client;
    this.#topics = topics;
  }

  /** `{status, lastSeen}`, or undefined while it is not known. */
  get(userId) {
    return this.#of.get(userId);
  }

  isOnline(userId) {
    return this.#of.get(userId)?.status === "online";
  }

  put({ userId, status, lastSeen }) {
    this.#of.set(userId, { status, lastSeen });
    this.#topics.changed("presence");
  }

  /** Be told of these users from now on. */
  async watch(userIds) {
    const fresh = userIds.filter((id) => id !== this.#client.me?.id && !this.#watched.has(id));
    if (!fresh.length) return;
    fresh.forEach((id) => this.#watched.add(id));
    try {
      const now = await this.#client.watchPresence(fresh);
      for (const one of now ?? []) this.put(one);
    } catch {
      fresh.forEach((id) => this.#watched.delete(id)); // asked again when the conversation is next drawn
    }
  }

  /** Nobody is known to be online while we are not. */
  forget() {
    this.#of.clear();
    for (const of of this.#typing.values()) for (const timer of of.values()) clearTimeout(timer);
    this.#typing.clear();
    this.#topics.changed("presence", "typing");
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
      const lapse = () => this.setTyping({ conversationId, userId, typing: false });
      here.set(userId, setTimeout(lapse, TYPING_LAPSES_MS));
    }
    this.#topics.changed("typing", `typing:${conversationId}`);
  }
}
