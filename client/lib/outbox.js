/**
 * @import { Tell } from "./link_types.js"
 * @import { Entry, OutboxStore } from "./option_types.js"
 * @import { Ack, OwnMessage, SendingStatus } from "./types.js"
 */
import { ParleyError, networkError } from "./errors.js";

const OVERLAP_MS = 1_000; // refusals come at once: after this the server has taken the message and only storing is slow
const ASK_AGAIN_MS = 5_000; // for the ack of what was accepted
const PATIENCE_MS = 30_000; // for any answer
const RETRY_MS = 1_000;

/**
 * Messages on their way. Each is stored before anything else, sent under its own id until the server has confirmed it
 * or refused it, and in order within its conversation. The server takes an id once, so sending again is safe.
 *
 * One tab drains, for all tabs of the user: it reads what they all wrote, and tells them what became of it.
 */
export class Outbox {
  #store;
  #owner;
  #send;
  #tell;
  #draining = false;
  /** Lanes at work. */ #busy = new Set();
  /** What this tab has sent and awaits, by id. @type {Map<string, object>} */ #sent = new Map();

  /**
   * @param {{ store: OutboxStore, owner: string, send: (data: any) => Promise<any>, tell: Tell }} options
   */
  constructor({ store, owner, send, tell }) {
    this.#store = store;
    this.#owner = owner;
    this.#send = send;
    this.#tell = tell;
  }

  /** @returns {Promise<Entry[]>} in order */
  async list() {
    return (await this.#store.all()).filter((entry) => entry.owner === this.#owner);
  }

  /** @param {any} data of the command @param {OwnMessage} message as it is shown */
  async add(data, message) {
    const lane = data.conversationId ? `c${data.conversationId}` : `u${data.receiverId}`;
    /** @type {Entry} */
    const entry = { owner: this.#owner, id: data.id, lane, data, message, status: "sending" };
    await this.#store.add(entry);
    this.#say(entry);
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
    this.#tell("discarded", { id, conversationId: entry?.data.conversationId });
  }

  /** The connection is there: send what waits. */
  resume() {
    this.#draining = true;
    return this.drain();
  }

  /** It is gone, or the server has lost its memory: what was not confirmed is sent again on `resume`. */
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
        if (pause) await sleep(pause); // and then the same again: what comes after it waits
      }
    } finally {
      this.#busy.delete(lane);
    }
    if (await this.#next(lane)) await this.#pump(lane); // written between the last look and here
  }

  /** @param {string} lane */
  async #next(lane) {
    const entries = await this.list();
    if (!this.#draining) return undefined;
    return entries.find((entry) => entry.lane === lane && entry.status !== "failed" && !this.#sent.has(entry.id));
  }

  /**
   * Settles, and never rejects, when it is confirmed or refused.
   * @param {Entry} entry
   * @returns {Promise<number>} milliseconds until it may be sent again; 0 where it need not be
   */
  async #transmit(entry) {
    const mine = {};
    this.#sent.set(entry.id, mine);
    try {
      const ack = await patiently(this.#send(entry.data));
      if (ack.status === "accepted") await this.#accepted(entry, mine);
      else await this.#stored(entry, mine, ack);
      return 0;
    } catch (error) {
      return await this.#refused(entry, mine, networkError(error));
    }
  }

  /** @param {Entry} entry @param {object} mine @param {Ack} ack */
  async #stored(entry, mine, ack) {
    await this.#store.remove(entry.id);
    this.#say({ ...entry, status: "stored" }, ack);
    this.#forget(entry, mine);
  }

  /** @param {Entry} entry @param {object} mine */
  async #accepted(entry, mine) {
    await this.#mark(entry, "accepted");
    void sleep(ASK_AGAIN_MS).then(() => (this.#forget(entry, mine), this.drain()));
  }

  /** @param {Entry} entry @param {object} mine @param {ParleyError} error */
  async #refused(entry, mine, error) {
    const { code, message, status, errors, retryAfter = RETRY_MS / 1000, retryable } = error;
    const pause = retryable ? Math.max(retryAfter * 1000, 100) : 0;
    if (retryable) void sleep(pause).then(() => this.drain()); // where its lane did not wait for it
    else await this.#mark({ ...entry, error: { code, message, status, errors } }, "failed");
    this.#forget(entry, mine);
    return pause;
  }

  /** @param {Entry} entry @param {object} mine what was sent since then is not forgotten */
  #forget(entry, mine) {
    if (this.#sent.get(entry.id) === mine) this.#sent.delete(entry.id);
  }

  /** @param {Entry} entry @param {SendingStatus} status */
  async #mark(entry, status) {
    const marked = { ...entry, status, message: { ...entry.message, status } };
    await this.#store.put(marked);
    this.#say(marked);
  }

  /** @param {Entry} entry @param {Ack} [ack] */
  #say({ id, data, status, message, error }, ack) {
    const conversationId = ack?.conversationId ?? data.conversationId;
    const whole = ack ? { ...message, ...ack } : message;
    this.#tell("message_status", { id, conversationId, status, ...ack, message: whole, ...(error && { error }) });
  }
}

/** @param {Promise<any>} answer @returns {Promise<any>} rejects where it takes too long */
function patiently(answer) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ParleyError("network")), PATIENCE_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** @param {number} ms @returns {Promise<undefined>} */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
