/**
 * The tabs of one user in one browser. The tab that holds the lock leads; every tab receives the messages of the others.
 *
 * The browser passes the lock on at once when its holder is gone, however it ended, so there is no timeout.
 */
export class Tabs {
  leading = false;
  #name;
  #shared;
  #onMessage;
  #onLead;
  /** @type {BroadcastChannel | undefined} */ #channel;
  /** @type {AbortController | undefined} */ #waiting;
  /** @type {(() => void) | undefined} */ #release;

  /** @param {{ name: string, shared: boolean, onMessage: (message: any) => void, onLead: () => void }} options */
  constructor({ name, shared, onMessage, onLead }) {
    this.#name = name;
    this.#shared = shared && !!globalThis.navigator?.locks && typeof BroadcastChannel !== "undefined";
    this.#onMessage = onMessage;
    this.#onLead = onLead;
  }

  join() {
    if (!this.#shared) return this.#begin();
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = (event) => this.#onMessage(event.data);
    this.#waiting = new AbortController();
    const held = () => {
      if (!this.#channel) return; // the tab left just now
      this.#begin();
      return new Promise((resolve) => (this.#release = () => resolve(undefined)));
    };
    navigator.locks.request(this.#name, { signal: this.#waiting.signal }, held).catch(() => {}); // the tab left while it waited
  }

  #begin() {
    this.leading = true;
    this.#onLead();
  }

  /** Sends to the other tabs. @param {any} message */
  post(message) {
    this.#channel?.postMessage(message);
  }

  leave() {
    this.leading = false;
    this.#channel?.close();
    this.#channel = undefined;
    this.#waiting?.abort();
    this.#release?.();
  }
}
