const BATCH_MS = 150;
const RETRY_MS = 3_000;

/** Batches handled messages into one `message_delivered` per conversation. A mark covers all earlier messages. */
export class DeliveredMarks {
  /** @type {Map<number, number>} */ #marks = new Map();
  #command;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {(name: string, data: any) => Promise<any>} command */
  constructor(command) {
    this.#command = command;
  }

  /** @param {number} conversationId @param {number} seq */
  add(conversationId, seq, wait = BATCH_MS) {
    this.#marks.set(conversationId, Math.max(seq, this.#marks.get(conversationId) ?? 0));
    this.#timer ??= setTimeout(() => this.flush(), wait);
  }

  flush() {
    this.stop();
    const marks = this.#marks;
    this.#marks = new Map();
    for (const [conversationId, seq] of marks) {
      this.#command("message_delivered", { conversationId, seq }).catch((error) => {
        if (error.retryable) this.add(conversationId, seq, RETRY_MS); // other errors mean that the user has left
      });
    }
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
