/**
 * The events of a connection, handled one after the other, each once.
 *
 * The cursor moves, and a message counts as delivered, only when the handlers are done: who comes back with it gets
 * whatever was not.
 */
const REMEMBERED = 2_000;
// Kept nowhere by the server: on a long-poll they carry the cursor of what came before, and are no repetition of it.
const PASSING = ["typing", "presence", "media_progress", "error", "resync"];

export class Stream {
  /** @type {string | undefined} */ cursor;
  #chain = Promise.resolve();
  #handle;
  #cursors = new Recent();
  #messages = new Recent();

  /** @param {(name: string, data: any, cursor?: string) => Promise<void>} handle must not reject */
  constructor(handle) {
    this.#handle = handle;
  }

  /** Settles once it is handled. @param {string} name @param {any} data @param {string} [cursor] */
  take(name, data, cursor) {
    return (this.#chain = this.#chain.then(() => this.#one(name, data, cursor)));
  }

  /** @param {string} name @param {any} data @param {string} [cursor] */
  async #one(name, data, cursor) {
    const place = cursor && !PASSING.includes(name) ? `${name} ${cursor}` : "";
    if (place && this.#cursors.has(place)) return;
    const known = name === "receive_message" && this.#known(data);
    if (known !== "same") await this.#handle(known ? "message_updated" : name, data, cursor);
    if (name === "resync") this.cursor = data.cursor;
    else if (name === "joined") this.cursor ??= data.cursor;
    else if (cursor) {
      this.cursor = cursor;
      if (place) this.#cursors.set(place, true);
    }
  }

  /** Between two connections a message may come twice, perhaps changed meanwhile. @param {any} message */
  #known({ conversationId, id, ...rest }) {
    const key = `${conversationId}/${id}`;
    const text = JSON.stringify(rest);
    const before = this.#messages.get(key);
    this.#messages.set(key, text);
    return before !== undefined && (before === text ? "same" : "changed");
  }
}

/** A map that forgets the oldest. @extends {Map<string, any>} */
export class Recent extends Map {
  /** @param {string} key @param {any} value */
  set(key, value) {
    if (this.size >= REMEMBERED) this.delete(this.keys().next().value ?? "");
    return super.set(key, value);
  }
}
