// Reports messages, the number of unread ones and errors of the connection to the host's page.

export class Watch {
  #store;
  #only;
  #emit;
  #count = -1;
  #error = "";
  /** @type {(() => void)[]} */ #ends = [];
  /** @param {number} _count */
  onCount = (_count) => {};

  /** @param {any} store @param {number | null} only a conversation, or null for all @param {(name: string, detail: any) => void} emit */
  constructor(store, only, emit) {
    this.#store = store;
    this.#only = only;
    this.#emit = emit;
  }

  begin() {
    const { client, topics } = this.#store;
    this.#ends = [
      client.on("receive_message", (/** @type {any} */ message) => this.#onMessage(message)),
      client.on("message_status", (/** @type {any} */ { status, message }) => status === "stored" && this.#onMessage(message)),
      topics.on("conversations", () => this.#draw()),
      topics.on("connection", () => this.#onConnection()),
    ];
    this.#draw();
  }

  end() {
    this.#ends.forEach((end) => end());
    this.#ends = [];
  }

  /** @param {any} message */
  #onMessage(message) {
    if (this.#only === null || message.conversationId === this.#only) this.#emit("parley-message", { message });
  }

  #draw() {
    const { conversations } = this.#store;
    if (this.#only === null && !conversations.ready) return; // the number is not known yet
    const count = this.#only === null ? conversations.totalUnread() : (conversations.get(this.#only)?.unread ?? 0);
    if (count === this.#count) return;
    this.#count = count;
    this.onCount(count);
    this.#emit("parley-unread", { count });
  }

  #onConnection() {
    const code = this.#store.connection.error?.code ?? "";
    if (code && code !== this.#error) this.#emit("parley-error", { code });
    this.#error = code;
  }
}
