/**
 * @import { Broadcast } from "./link_types.js"
 * @import { Entry, OutboxStore } from "./option_types.js"
 * @import { Ack, OwnMessage, SendingStatus } from "./types.js"
 */
import { ParleyError, networkError } from "./errors.js";

const OVERLAP_MS = 1_000; // refusals come at once, so after this time the message is accepted and only storing is slow
const RESEND_MS = 5_000; // of an accepted message, to get its ack
const TIMEOUT_MS = 30_000; // of any answer
const RETRY_MS = 1_000;

/**
 * Messages that are being sent. Each is saved first, then sent under its own id until the server confirms or refuses
 * it, in order within its conversation. The server accepts an id only once, so sending again is safe.
 *
 * One tab drains the outbox for all tabs of the user: it reads what they all wrote, and broadcasts each outcome.
 */
export class Outbox {
  #store;
  #owner;
  #send;
  #broadcast;
  #draining = false;
  /** Lanes that are being sent. */ #busy = new Set();
  /** The latest attempt of each message without an answer, by id. @type {Map<string, object>} */ #sent = new Map();

  /**
   * @param {{ store: OutboxStore, owner: string, send: (data: any) => Promise<any>, broadcast: Broadcast }} options
   */
  constructor({ store, owner, send, broadcast }) {
    this.#store = store;
    this.#owner = owner;
    this.#send = send;
    this.#broadcast = broadcast;
  }

  /** @returns {Promise<Entry[]>} in order */
  async list() {
    return (await this.#store.all()).filter((entry) => entry.owner === this.#owner);
  }

  /** @param {any} data of the command @param {OwnMessage} message to show */
  async add(data, message) {
    const lane = data.conversationId ? `c${data.conversationId}` : `u${data.receiverId}`;
    /** @type {Entry} */
    const entry = { owner: this.#owner, id: data.id, lane, data, message, status: "sending" };
    await this.#store.add(entry);
    this.#announce(entry);
  }

  /** @param {string} id */
  async retry(id) {
    const entry = (await this.list()).find((entry) => entry.id === id);
    if (entry) await this.#mark({ ...entry, error: undefined }, "sending");
  }

  /** @param {string} id */
  async discard(id) {
    const entry = (await this.list()).find((entry) => entry.id === id);
    await this.#store.remove(id);
    this.#sent.delete(id);
    this.#broadcast("discarded", { id, conversationId: entry?.data.conversationId });
  }

  /** The connection is up: sends all pending messages. */
  resume() {
    this.#draining = true;
    return this.drain();
  }

  /** The connection is down, or the server lost unstored messages. `resume` sends everything unconfirmed again. */
  suspend() {
    this.#draining = false;
    this.#sent.clear();
  }

  async drain() {
    if (!this.#draining) return;
    const lanes = new Set((await this.list()).map((entry) => entry.lane));
    await Promise.all([...lanes].map((lane) => this.#pump(lane)));
  }

  /** @param {string} lane */
  async #pump(lane) {
    if (this.#busy.has(lane)) return;
    this.#busy.add(lane);
    try {
      for (let entry; (entry = await this.#next(lane)); ) {
        const pause = await Promise.race([this.#transmit(entry), sleep(OVERLAP_MS)]);
        if (pause) await sleep(pause); // then sends the same message again; later ones wait
      }
    } finally {
      this.#busy.delete(lane);
    }
    if (await this.#next(lane)) await this.#pump(lane); // added since the last check
  }

  /** @param {string} lane */
  async #next(lane) {
    const entries = await this.list();
    if (!this.#draining) return undefined;
    return entries.find((entry) => entry.lane === lane && entry.status !== "failed" && !this.#sent.has(entry.id));
  }

  /**
   * Resolves, and never rejects, when the message is confirmed or refused.
   * @param {Entry} entry
   * @returns {Promise<number>} milliseconds to wait before sending it again; 0 if that is not needed
   */
  async #transmit(entry) {
    const attempt = {};
    this.#sent.set(entry.id, attempt);
    try {
      const ack = await withTimeout(this.#send(entry.data));
      if (ack.status === "accepted") await this.#accepted(entry, attempt);
      else await this.#stored(entry, attempt, ack);
      return 0;
    } catch (error) {
      return await this.#refused(entry, attempt, networkError(error));
    }
  }

  /** @param {Entry} entry @param {object} attempt @param {Ack} ack */
  async #stored(entry, attempt, ack) {
    await this.#store.remove(entry.id);
    this.#announce({ ...entry, status: "stored" }, ack);
    this.#forget(entry, attempt);
  }

  /** @param {Entry} entry @param {object} attempt */
  async #accepted(entry, attempt) {
    await this.#mark(entry, "accepted");
    void sleep(RESEND_MS).then(() => (this.#forget(entry, attempt), this.drain()));
  }

  /** @param {Entry} entry @param {object} attempt @param {ParleyError} error */
  async #refused(entry, attempt, error) {
    const { code, message, status, errors, retryAfter = RETRY_MS / 1000, retryable } = error;
    const pause = retryable ? Math.max(retryAfter * 1000, 100) : 0;
    if (retryable) void sleep(pause).then(() => this.drain()); // its lane may have moved on
    else await this.#mark({ ...entry, error: { code, message, status, errors } }, "failed");
    this.#forget(entry, attempt);
    return pause;
  }

  /** @param {Entry} entry @param {object} attempt a later attempt is kept */
  #forget(entry, attempt) {
    if (this.#sent.get(entry.id) === attempt) this.#sent.delete(entry.id);
  }

  /** @param {Entry} entry @param {SendingStatus} status */
  async #mark(entry, status) {
    const marked = { ...entry, status, message: { ...entry.message, status } };
    await this.#store.put(marked);
    this.#announce(marked);
  }

  /** @param {Entry} entry @param {Ack} [ack] */
  #announce({ id, data, status, message, error }, ack) {
    const conversationId = ack?.conversationId ?? data.conversationId;
    const whole = ack ? { ...message, ...ack } : message;
    this.#broadcast("message_status", { id, conversationId, status, ...ack, message: whole, ...(error && { error }) });
  }
}

/** @param {Promise<any>} answer @returns {Promise<any>} rejects if the answer takes too long */
function withTimeout(answer) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ParleyError("network")), TIMEOUT_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** @param {number} ms @returns {Promise<undefined>} */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
