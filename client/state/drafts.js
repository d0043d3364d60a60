// The texts that the user has begun to write, per conversation, with the messages that they answer.
//
// Every keystroke is kept in the browser at once, so that switching, a reload and a crash lose nothing. A second later it
// is on the server, for the user's other devices. Then the browser's copy is deleted: the server's list of conversations
// has the draft. Of the two, the newer one counts.

const SAVE_AFTER_MS = 1000;
const TRY_AGAIN_MS = 5000;
const FINAL = ["not_found", "invalid", "too_large", "forbidden"]; // trying again would be refused again

export class Drafts {
  #client;
  #topics;
  #conversations;
  #storage;
  #userId = 0;
  #unsaved = new Map(); // conversation id → draft
  #timers = new Map();
  #saving = new Set();
  #echoes = new Map(); // conversation id → drafts saved from here whose event is still to come

  /**
   * @param {any} client @param {import("./topics.js").Topics} topics @param {import("./conversations.js").Conversations} conversations
   * @param {Storage | null} [storage] keeps drafts until the server has them
   */
  constructor(client, topics, conversations, storage = globalThis.localStorage ?? null) {
    [this.#client, this.#topics, this.#conversations, this.#storage] = [client, topics, conversations, storage];
    client.on("draft_updated", (data) => this.#onEvent(data));
    globalThis.document?.addEventListener("visibilitychange", () => document.hidden && this.saveAll());
  }

  /** Continues with the drafts that were not saved before the page was closed. */
  begin() {
    this.#userId = this.#client.me.id;
    for (const key of keysOf(this.#storage, this.#userId)) {
      const [id, draft] = [Number(key.split(".").at(-1)), kept(this.#storage, key)];
      if (draft) this.#unsaved.set(id, draft);
      if (draft) this.#later(id, 0);
      else this.#storage?.removeItem(key);
    }
  }

  /** Returns the draft as `{message, replyTo?}`; both are empty if there is none. */
  of(id) {
    const local = this.#unsaved.get(id);
    const saved = this.#conversations.get(id)?.draft;
    const newer = local && saved && saved.updatedAt > local.updatedAt ? saved : local ?? saved;
    return newer ?? { message: "" };
  }

  /** Keeps a draft. Without text and `replyTo`, it is deleted. */
  set(id, message, replyTo) {
    const before = this.of(id);
    if (before.message === message && before.replyTo === replyTo) return;
    const draft = { message, replyTo, updatedAt: new Date().toISOString() };
    this.#unsaved.set(id, draft);
    keep(this.#storage, keyOf(this.#userId, id), draft);
    this.#later(id, SAVE_AFTER_MS);
  }

  clear(id) {
    this.set(id, "", undefined);
    this.save(id);
  }

  /** Saves all drafts at once, because the user turns to something else. */
  saveAll() {
    for (const id of this.#unsaved.keys()) this.save(id);
  }

  async save(id) {
    clearTimeout(this.#timers.get(id));
    const draft = this.#unsaved.get(id);
    if (!draft || this.#saving.has(id)) return;
    this.#saving.add(id);
    this.#show(id, draft);
    this.#echoes.set(id, [...(this.#echoes.get(id) ?? []), draft]);
    const error = await this.#client.setDraft(id, draft.message, draft.replyTo).then(() => null, (reason) => reason);
    this.#saving.delete(id);
    if (!error || FINAL.includes(error.code)) this.#saved(id, draft);
    if (this.#unsaved.has(id)) this.#later(id, error ? TRY_AGAIN_MS : SAVE_AFTER_MS);
  }

  #later(id, ms) {
    clearTimeout(this.#timers.get(id));
    this.#timers.set(id, setTimeout(() => this.save(id), ms));
  }

  #saved(id, draft) {
    if (this.#unsaved.get(id) !== draft) return; // the user went on writing
    this.#unsaved.delete(id);
    this.#storage?.removeItem(keyOf(this.#userId, id));
  }

  /** Takes a draft from another device, unless the user is changing it here: the draft here is saved later, so it wins. */
  #onEvent({ conversationId: id, ...draft }) {
    const echoes = this.#echoes.get(id) ?? [];
    const at = echoes.findIndex((one) => one.message === draft.message && one.replyTo === draft.replyTo);
    if (at >= 0) this.#echoes.set(id, echoes.slice(at + 1));
    if (this.#unsaved.has(id)) return;
    this.#show(id, draft);
    if (at < 0) this.#topics.changed(`draft:${id}`);
  }

  #show(id, draft) {
    this.#conversations.change(id, { draft: draft.message || draft.replyTo ? draft : undefined });
  }
}

/** Deletes the drafts that this browser keeps, when the user signs out. */
export function forgetDrafts(storage = localStorage) {
  for (const key of keysOf(storage, "")) storage.removeItem(key);
}

function keyOf(userId, id) {
  return `parley.draft.${userId}.${id}`;
}

function keysOf(storage, userId) {
  return Object.keys(storage ?? {}).filter((key) => key.startsWith(userId ? `parley.draft.${userId}.` : "parley.draft."));
}

/** Returns the kept draft, or null if the browser has something else under this key. */
function kept(storage, key) {
  try {
    const draft = JSON.parse(storage.getItem(key));
    return typeof draft?.message === "string" && typeof draft.updatedAt === "string" ? draft : null;
  } catch {
    return null;
  }
}

function keep(storage, key, draft) {
  try {
    storage?.setItem(key, JSON.stringify(draft));
  } catch {
    // the browser has no room left: the draft is on the server in a second
  }
}
