// Users by id. Messages and members only hold ids, so names are fetched in batches when a view needs them.

const MAX_IDS = 100; // per request
const UNKNOWN = Object.freeze({ id: 0, username: "", displayName: "…" });

export class People {
  #client;
  #topics;
  #known = new Map();
  #missing = new Set();
  #gone = new Set();

  constructor(client, topics) {
    this.#client = client;
    this.#topics = topics;
  }

  /** Stores users; topic "people". */
  put(...users) {
    for (const user of users) this.#known.set(user.id, { ...this.#known.get(user.id), ...user });
    this.#topics.changed("people");
  }

  /** Returns the user, or a placeholder until the server answers. */
  get(userId) {
    const user = this.#known.get(userId);
    if (user) return user;
    if (this.#gone.has(userId)) return { ...UNKNOWN, id: userId, displayName: "Deleted account" };
    this.#request(userId);
    return { ...UNKNOWN, id: userId };
  }

  name(userId) {
    return userId === this.#client.me?.id ? "You" : this.get(userId).displayName;
  }

  byUsername(username) {
    for (const user of this.#known.values()) if (user.username === username) return user;
    return null;
  }

  #request(userId) {
    if (this.#missing.size === 0) setTimeout(() => this.#fetch(), 0);
    this.#missing.add(userId);
  }

  async #fetch() {
    const ids = [...this.#missing].slice(0, MAX_IDS);
    this.#missing = new Set([...this.#missing].slice(MAX_IDS));
    if (this.#missing.size) setTimeout(() => this.#fetch(), 0);
    try {
      const { users } = await this.#client.request("GET", `/users?ids=${ids.join(",")}`);
      for (const id of ids) if (!users.some((user) => user.id === id)) this.#gone.add(id);
      this.put(...users);
    } catch {
      // Without an answer they stay unknown; the next view that needs them fetches them again.
    }
  }
}
