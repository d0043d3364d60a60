// Notifies views of changes, once per turn however many changes there were. Views listen to topics ("conversations",
// "messages:12") and draw from the stores.

export class Topics {
  #listeners = new Map();
  #changed = new Set();
  /** How often each topic changed. @type {Map<string, number>} */ #counts = new Map();

  /**
   * Calls `listener` after each turn in which one of the topics changed. Returns a function that stops it.
   * @param {string | string[]} topics @param {() => void} listener @returns {() => void}
   */
  on(topics, listener) {
    for (const topic of [topics].flat()) {
      if (!this.#listeners.has(topic)) this.#listeners.set(topic, new Set());
      this.#listeners.get(topic).add(listener);
    }
    return () => [topics].flat().forEach((topic) => this.#listeners.get(topic)?.delete(listener));
  }

  /** @param {...string} topics */
  changed(...topics) {
    if (this.#changed.size === 0) queueMicrotask(() => this.#notify());
    for (const topic of topics) {
      this.#changed.add(topic);
      this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1);
    }
  }

  /** Returns a number that grows whenever one of the topics changes. @param {string[]} topics */
  version(topics) {
    return topics.reduce((sum, topic) => sum + (this.#counts.get(topic) ?? 0), 0);
  }

  #notify() {
    const due = new Set();
    for (const topic of this.#changed) for (const listener of this.#listeners.get(topic) ?? []) due.add(listener);
    this.#changed.clear();
    for (const listener of due) {
      try {
        listener();
      } catch (error) {
        (globalThis.reportError ?? console.error)(error); // a failing view must not keep the others from drawing
      }
    }
  }
}
