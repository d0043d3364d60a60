/** @import { EventMap, EventName, Handler } from "./types.js" */

/** Named events with handlers that may be asynchronous. */
export class Emitter {
  /** @type {Map<string, Set<any>>} */ #handlers = new Map();

  /**
   * @template {EventName | "*"} K
   * @param {K} name @param {Handler<K>} handler
   * @returns {() => void} takes it off again
   */
  on(name, handler) {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  /**
   * Settles once every handler is done; true where there were handlers and all succeeded. A handler's failure is
   * reported as an uncaught one would be, and keeps nothing from the others.
   * @template {EventName} K
   * @param {K} name @param {EventMap[K]} data
   */
  async emit(name, data) {
    const handlers = [...(this.#handlers.get(name) ?? []), ...(this.#handlers.get("*") ?? [])];
    const results = await Promise.all(handlers.map((handler) => run(handler, data, name)));
    return results.length > 0 && results.every(Boolean);
  }
}

/** @param {any} handler @param {unknown} data @param {string} name */
async function run(handler, data, name) {
  try {
    await handler(data, name);
    return true;
  } catch (error) {
    typeof reportError === "function" ? reportError(error) : console.error(error);
    return false;
  }
}
