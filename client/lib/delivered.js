const GATHER_MS = 150;
const AGAIN_MS = 3_000;

/** Gathers what was handled into one `message_delivered` a conversation; the marks are cumulative. */
export class Delivered {
  /** @type {Map<number, number>} */ #marks = new Map();
  #command;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {(name: string, data: any) => Promise<any>} command */
  constructor(command) {
    this.#command = command;
  }

  /** @param {number} conversationId @param {number} seq */
  note(conversationId, seq, wait = GATHER_MS) {
    this.#marks.set(conversationId, Math.max(seq, this.#marks.get(conversationId) ?? 0));
    this.#timer ??= setTimeout(() => this.flush(), wait);
  }

  flush() {
    this.stop();
    const marks = this.#marks;
    this.#marks = new Map();
    for (const [conversationId, seq] of marks) {
      this.#command("message_delivered", { conversationId, seq }).catch((error) => {
        if (error.retryable) this.note(conversationId, seq, AGAIN_MS); // else one is a member no more
      });
    }
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
