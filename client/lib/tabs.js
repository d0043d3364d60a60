/**
 * The tabs of one user in one browser: who holds the lock leads, all hear each other.
 *
 * A lock is given on the moment its holder is gone, however it went; there is nothing to time out.
 */
export class Tabs {
  leading = false;
  #name;
  #shared;
  #hear;
  #lead;
  /** @type {BroadcastChannel | undefined} */ #channel;
  /** @type {AbortController | undefined} */ #waiting;
  /** @type {(() => void) | undefined} */ #release;

  /** @param {{ name: string, shared: boolean, hear: (message: any) => void, lead: () => void }} options */
  constructor({ name, shared, hear, lead }) {
    this.#name = name;
    this.#shared = shared && !!globalThis.navigator?.locks && typeof BroadcastChannel !== "undefined";
    this.#hear = hear;
    this.#lead = lead;
  }

  join() {
    if (!this.#shared) return this.#begin();
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = (event) => this.#hear(event.data);
    this.#waiting = new AbortController();
    const held = () => {
      if (!this.#channel) return; // left at the very moment
      this.#begin();
      return new Promise((resolve) => (this.#release = () => resolve(undefined)));
    };
    navigator.locks.request(this.#name, { signal: this.#waiting.signal }, held).catch(() => {}); // left while waiting
  }

  #begin() {
    this.leading = true;
    this.#lead();
  }

  /** To the other tabs. @param {any} message */
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
