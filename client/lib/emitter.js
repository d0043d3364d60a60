/** @typedef {(data: any, name: string) => unknown} Handler */

/** Named events with handlers that may be asynchronous. */
export class Emitter {
  /** @type {Map<string, Set<Handler>>} */ #handlers = new Map();

  /**
   * @param {string} name an event, or `*` for all
   * @param {Handler} handler
   * @returns {() => void} takes the handler off again
   */
  on(name, handler) {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  /**
   * Settles once every handler is done; true where there were handlers and all succeeded. A handler's failure is
   * reported as an uncaught one would be, and keeps nothing from the others.
   * @param {string} name @param {any} data
   */
  async emit(name, data) {
    const handlers = [...(this.#handlers.get(name) ?? []), ...(this.#handlers.get("*") ?? [])];
    const results = await Promise.all(handlers.map((handler) => run(handler, data, name)));
    return results.length > 0 && results.every(Boolean);
  }
}

/** @param {Handler} handler @param {any} data @param {string} name */
async function run(handler, data, name) {
  try {
    await handler(data, name);
    return true;
  } catch (error) {
    typeof reportError === "function" ? reportError(error) : console.error(error);
    return false;
  }
}
