// The requests that wait for the user's answer, kept current by events. Views listen to the topic "requests".

export class WaitingRequests {
  #store;
  #byPlace = new Map(); // conversation id → request, newest first
  #changes = 0; // since the page began
  /** @type {any} */ failed = null;
  ready = false;

  constructor(store) {
    this.#store = store;
    store.client.on("request_updated", (request) => this.#note(request));
    store.client.on("resync", () => this.load());
  }

  get count() {
    return this.#byPlace.size;
  }

  list() {
    return [...this.#byPlace.values()];
  }

  /** Loads the list. Loads it again if an event came in between, because the answer may be older. */
  async load() {
    const before = this.#changes;
    try {
      const { requests } = await this.#store.client.requests();
      if (before !== this.#changes) return void (await this.load());
      this.#byPlace = new Map(requests.map((request) => [request.conversationId, request]));
      [this.ready, this.failed] = [true, null];
    } catch (error) {
      this.failed = error;
    }
    this.#store.topics.changed("requests");
  }

  /** Notes that this request was answered here, or no longer exists. */
  drop(conversationId) {
    this.#note({ conversationId, waiting: false });
  }

  #note({ waiting, ...request }) {
    this.#changes += 1;
    this.#byPlace.delete(request.conversationId);
    if (waiting) this.#byPlace = new Map([[request.conversationId, request], ...this.#byPlace]);
    this.#store.topics.changed("requests");
  }
}
