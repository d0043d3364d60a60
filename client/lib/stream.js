/**
 * Handles the events of a connection one after the other, each once.
 *
 * The cursor moves, and a message counts as delivered, only when the handlers are done. A client that reconnects with
 * the cursor therefore gets every event that was not handled.
 */
const MAX_SIZE = 2_000;
// The server does not store these. On a long-poll they carry the cursor of the event before them, but do not repeat it.
const EPHEMERAL = ["message_append", "typing", "custom", "presence", "media_progress", "error", "resync"];

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

  /** Resolves when the event is handled. @param {string} name @param {any} data @param {string} [cursor] */
  take(name, data, cursor) {
    return (this.#chain = this.#chain.then(() => this.#handleOnce(name, data, cursor)));
  }

  /** @param {string} name @param {any} data @param {string} [cursor] */
  async #handleOnce(name, data, cursor) {
    // The text so far of a stream has no cursor of its own either.
    const key = cursor && !data.streaming && !EPHEMERAL.includes(name) ? `${name} ${cursor}` : "";
    if (key && this.#cursors.has(key)) return;
    const seen = name === "receive_message" && this.#compare(data);
    if (seen !== "same") await this.#handle(seen ? "message_updated" : name, data, cursor);
    if (name === "resync") this.cursor = data.cursor;
    else if (name === "joined") this.cursor ??= data.cursor;
    else if (cursor) {
      this.cursor = cursor;
      if (key) this.#cursors.set(key, true);
    }
  }

  /** After a reconnect a message may come twice, and may have changed in between. @param {any} message */
  #compare({ conversationId, id, ...rest }) {
    const key = `${conversationId}/${id}`;
    const text = JSON.stringify(rest);
    const before = this.#messages.get(key);
    this.#messages.set(key, text);
    return before !== undefined && (before === text ? "same" : "changed");
  }
}

/** A map that drops its oldest entry when it is full. @extends {Map<string, any>} */
export class Recent extends Map {
  /** @param {string} key @param {any} value */
  set(key, value) {
    if (this.size >= MAX_SIZE) this.delete(this.keys().next().value ?? "");
    return super.set(key, value);
  }
}
