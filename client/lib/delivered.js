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
  note(conversationId, seq) {
    this.#marks.set(conversationId, Math.max(seq, this.#marks.get(conversationId) ?? 0));
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const marks = this.#marks;
    this.#marks = new Map();
    for (const [conversationId, seq] of marks) {
      this.#command("message_delivered", { conversationId, seq }).catch((error) => {
        if (error.retryable) this.#later(conversationId, seq); // else one is a member no more
      });
    }
  }

  /** @param {number} conversationId @param {number} seq */
  #later(conversationId, seq) {
    this.#marks.set(conversationId, Math.max(seq, this.#marks.get(conversationId) ?? 0));
    this.#timer ??= setTimeout(() => this.flush(), AGAIN_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
