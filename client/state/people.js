// Users by id. Messages and members only hold ids, so names are fetched in batches when a view needs them.

const MAX_IDS = 100; // per request
const LONGEST_TIMER_MS = 2 ** 31 - 1000;
/** Names that depend on the language. `system` stands for the sender of messages that have none. @typedef {{ you: () => string, deletedAccount: () => string, system?: () => string }} Words */
/** @type {Words} */
const ENGLISH = { you: () => "You", deletedAccount: () => "Deleted account", system: () => "System" };
const UNKNOWN = Object.freeze({ id: 0, username: "", displayName: "…" });

export class People {
  #client;
  #topics;
  #words;
  #known = new Map();
  #missing = new Set();
  #loading = new Set();
  #gone = new Set();

  /** @param {any} client @param {import("./topics.js").Topics} topics @param {Words} [words] */
  constructor(client, topics, words = ENGLISH) {
    this.#client = client;
    this.#topics = topics;
    this.#words = words;
  }

  /** Stores users; topic "people". */
  put(...users) {
    for (const user of users) {
      this.#known.set(user.id, { ...this.#known.get(user.id), ...user });
      for (const until of [user.status?.until, user.doNotDisturbUntil]) this.#drawAt(until);
    }
    this.#topics.changed("people");
  }

  /** Lets views draw again when a status ends, because the server sends no event then. */
  #drawAt(until) {
    const ms = Date.parse(until ?? "") - Date.now();
    if (ms > 0 && ms < LONGEST_TIMER_MS) setTimeout(() => this.#topics.changed("people"), ms + 50);
  }

  /** Applies the event `user_updated`. With `all`, reads all known users again. */
  update({ userId, displayName, avatarUrl, status, doNotDisturbUntil, metadata, deleted, all }) {
    if (all) return this.refresh();
    const now = { avatarUrl: avatarUrl ?? undefined, status: status ?? undefined, doNotDisturbUntil: doNotDisturbUntil ?? undefined, metadata };
    if (deleted) this.#gone.add(userId) && this.#known.delete(userId);
    else if (this.#known.has(userId)) return this.put({ id: userId, displayName, ...now });
    return this.#topics.changed("people");
  }

  /** Reads a user again. */
  renew(userId) {
    this.#request(userId);
  }

  /** Reads all known users again: changes may have been missed. */
  refresh() {
    for (const id of [...this.#known.keys(), ...this.#gone]) this.#request(id);
  }

  /** Returns the user, or a placeholder until the server answers. */
  get(userId) {
    if (!userId) return { ...UNKNOWN, displayName: this.#words.system?.() ?? "System" };
    const user = this.#known.get(userId);
    if (user) return user;
    if (this.#gone.has(userId)) return { ...UNKNOWN, id: userId, displayName: this.#words.deletedAccount() };
    this.#request(userId);
    return { ...UNKNOWN, id: userId };
  }

  /** Resolves when the names of these users are known, or cannot be loaded. Messages of the host's server have no sender (null). @param {any[]} userIds */
  async load(userIds) {
    const missing = userIds.filter((id) => id && !this.#known.has(id) && !this.#gone.has(id));
    for (let at = 0; at < missing.length; at += MAX_IDS) await this.#fetch(missing.slice(at, at + MAX_IDS));
  }

  name(userId) {
    return userId === this.#client.me?.id ? this.#words.you() : this.get(userId).displayName;
  }

  byUsername(username) {
    for (const user of this.#known.values()) if (user.username === username) return user;
    return null;
  }

  #request(userId) {
    if (this.#loading.has(userId)) return;
    if (this.#missing.size === 0) setTimeout(() => this.#fetchMissing(), 0);
    this.#missing.add(userId);
  }

  #fetchMissing() {
    const ids = [...this.#missing].slice(0, MAX_IDS);
    this.#missing = new Set([...this.#missing].slice(MAX_IDS));
    if (this.#missing.size) setTimeout(() => this.#fetchMissing(), 0);
    this.#fetch(ids);
  }

  /** @param {number[]} ids */
  async #fetch(ids) {
    ids.forEach((id) => this.#loading.add(id));
    try {
      const { users } = await this.#client.request("GET", `/users?ids=${ids.join(",")}`);
      const found = new Set(users.map((user) => user.id));
      for (const id of ids) {
        this.#gone[found.has(id) ? "delete" : "add"](id);
        if (!found.has(id)) this.#known.delete(id);
      }
      this.put(...users.map((user) => ({ avatarUrl: undefined, status: undefined, doNotDisturbUntil: undefined, ...user })));
    } catch {
      // Without an answer they stay unknown; the next view that needs them fetches them again.
    } finally {
      ids.forEach((id) => this.#loading.delete(id));
    }
  }
}
