// Who people are, by id. Messages and members name ids alone, so names are asked for in batches as they are needed.

const MOST_AT_ONCE = 100;
const UNKNOWN = Object.freeze({ id: 0, username: "", displayName: "…" });

export class People {
  #client;
  #topics;
  #known = new Map();
  #wanted = new Set();
  #gone = new Set();

  constructor(client, topics) {
    this.#client = client;
    this.#topics = topics;
  }

  /** Topic "people" changes when the answer is another one. */
  put(...users) {
    for (const user of users) this.#known.set(user.id, { ...this.#known.get(user.id), ...user });
    this.#topics.changed("people");
  }

  /** The user, or a stand-in while the server is asked. */
  get(userId) {
    const user = this.#known.get(userId);
    if (user) return user;
    if (this.#gone.has(userId)) return { ...UNKNOWN, id: userId, displayName: "Deleted account" };
    this.#want(userId);
    return { ...UNKNOWN, id: userId };
  }

  name(userId) {
    return userId === this.#client.me?.id ? "You" : this.get(userId).displayName;
  }

  byUsername(username) {
    for (const user of this.#known.values()) if (user.username === username) return user;
    return null;
  }

  #want(userId) {
    if (this.#wanted.size === 0) setTimeout(() => this.#ask(), 0);
    this.#wanted.add(userId);
  }

  async #ask() {
    const ids = [...this.#wanted].slice(0, MOST_AT_ONCE);
    this.#wanted = new Set([...this.#wanted].slice(MOST_AT_ONCE));
    if (this.#wanted.size) setTimeout(() => this.#ask(), 0);
    try {
      const { users } = await this.#client.request("GET", `/users?ids=${ids.join(",")}`);
      for (const id of ids) if (!users.some((user) => user.id === id)) this.#gone.add(id);
      this.put(...users);
    } catch {
      // Without an answer they stay unknown, and are asked for again when a view next wants them.
    }
  }
}
