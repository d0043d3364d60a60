/** @import { Ack, MessageStatus } from "./types.js" */
import { ParleyError } from "./errors.js";

/** The sends whose callers wait for an ack, by message id. */
export class PendingSends {
  /** @type {Map<string, { resolve: (ack: Ack) => void, reject: (error: ParleyError) => void }>} */ #waiting = new Map();

  /** @param {string} id @returns {Promise<Ack>} */
  add(id) {
    /** @type {Promise<Ack>} */
    const done = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    done.catch(() => {}); // callers who do not wait get the failure as a `message_status` event
    return done;
  }

  /** @param {MessageStatus} status */
  settle({ id, status, message, error, ...ack }) {
    if (status === "failed") this.reject(id, ParleyError.from(error));
    if (status !== "stored") return;
    this.#waiting.get(id)?.resolve(/** @type {Ack} */ ({ id, status, ...ack }));
    this.#waiting.delete(id);
  }

  /** @param {string} id @param {ParleyError} error */
  reject(id, error) {
    this.#waiting.get(id)?.reject(error);
    this.#waiting.delete(id);
  }
}
