/** @import { EventMap, EventName, Handler } from "./types.js" */

/** Named events with handlers that may be asynchronous. */
export class Emitter {
  /** @type {Map<string, Set<any>>} */ #handlers = new Map();

  /**
   * @template {EventName | "*"} K
   * @param {K} name @param {Handler<K>} handler
   * @returns {() => void} removes the handler
   */
  on(name, handler) {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  /**
   * Resolves when every handler is done: to true if there were handlers and all succeeded. A handler's error is
   * reported like an uncaught error and does not affect the other handlers.
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
