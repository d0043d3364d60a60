/**
 * @import { ConnectionOptions, Emit, Fixed, Request } from "./link_types.js"
 * @import { OutboxStore } from "./option_types.js"
 * @import { EventMap, EventName, State } from "./types.js"
 */
import { restRoute } from "./rest_routes.js";
import { Connection } from "./connection.js";
import { DeliveredMarks } from "./delivered_marks.js";
import { ParleyError, networkError } from "./errors.js";
import { uuid7 } from "./ids.js";
import { Outbox } from "./outbox.js";
import { Recent, Stream } from "./stream.js";
import { Tabs } from "./tabs.js";
import { PresenceWatch } from "./presence_watch.js";

const ANSWER_MS = 10_000; // of the leading tab; after that a command goes over REST
const UNREAD_LIMIT = 200; // the server's default
const ASKED_MS = 60_000; // for this long after a request, the client counts itself as the cause of a 4429
const MAX_FRAME = 16_000; // UTF-16 units: below 64 KiB in any script; longer commands go over REST

/**
 * One connection for all tabs of a user. The leading tab holds it and forwards every event to the other tabs, which
 * send through it. When the leader closes, another tab continues from the last cursor.
 *
 * Messages between tabs: `hello`, `watch`, `command` and `notify` to the leader; `lead`, `state`, `event` and `answer`
 * from it; `local` (events of the client itself) and `drain` to all tabs.
 */
export class TabCoordinator {
  /** @type {State} */ state = { status: "offline", transport: null };
  #tab = uuid7();
  #emit;
  #request;
  #me;
  #tabs;
  #connection;
  #stream = new Stream((name, data, cursor) => this.#handle(name, data, cursor));
  #delivered = new DeliveredMarks((name, data) => this.command(name, data));
  #presence;
  /** @type {Set<number>} */ #watching = new Set();
  /** Ids of messages sent from this browser. */ #ours = new Recent();
  #needsUnread = false;
  #unreadAskedAt = 0;
  /** @type {{ limit?: number }} */ #unreadQuery = {};
  /** @type {Map<string, (answer: any) => void>} */ #pending = new Map();

  /**
   * @param {{ name: string, shared: boolean, me: number, emit: Emit, request: Request, store: OutboxStore,
   *   connection: Omit<ConnectionOptions, "link" | "on"> & { link: Omit<Fixed, "cursor"> } }} options
   */
  constructor({ name, shared, me, emit, request, store, connection }) {
    this.#emit = emit;
    this.#request = request;
    this.#me = me;
    this.#tabs = new Tabs({ name, shared, onMessage: (message) => this.#onMessage(message), onLead: () => this.#onLead() });
    this.#connection = new Connection({
      ...connection,
      link: { ...connection.link, cursor: () => this.#stream.cursor },
      on: {
        state: (state) => this.#onState(state),
        joined: (data) => void this.#stream.take("joined", data),
        event: (name, data, cursor) => this.#stream.take(name, data, cursor),
        tooSlow: () => this.#askForLess(),
      },
    });
    this.outbox = new Outbox({
      store,
      owner: name,
      send: (data) => this.command("send_message", data),
      broadcast: (name, data) => this.broadcast(name, data),
    });
    this.#presence = new PresenceWatch({ request, onChange: (presence) => this.broadcast("presence", presence) });
  }

  get cursor() {
    return this.#stream.cursor;
  }

  /** @param {string} [cursor] */
  start(cursor) {
    this.#stream.cursor = cursor;
    this.#tabs.join();
    if (!this.#tabs.leading) this.#tabs.post({ type: "hello" });
  }

  stop() {
    this.#delivered.stop();
    this.#presence.stop();
    this.outbox.suspend();
    if (this.#tabs.leading) this.#connection.stop();
    else void this.#emit("state", (this.state = { status: "offline", transport: null }));
    this.#tabs.leave();
  }

  /** Connects again after the connection had stopped for good. */
  wake() {
    if (this.#tabs.leading) this.#connection.start();
  }

  nudge() {
    this.#connection.nudge();
  }

  cut() {
    this.#connection.cut();
  }

  /** Passes a renewed access token to the session. @param {string} token */
  renewed(token) {
    // If this fails, the session ends with its old token and reconnects with the new one.
    this.#connection.link?.command?.("authenticate", { token }).catch(() => {});
  }

  /** Emits an event in every tab. @template {EventName} K @param {K} name @param {EventMap[K]} data */
  broadcast(name, data) {
    this.#tabs.post({ type: "local", name, data });
    this.#emitLocal(name, data);
  }

  /** @param {EventName} name @param {any} data */
  #emitLocal(name, data) {
    if (name === "message_status") this.#ours.set(data.id, true);
    void this.#emit(name, data);
  }

  /** Sends new messages of the outbox. */
  drain() {
    this.#tabs.post({ type: "drain" });
    void this.outbox.drain();
  }

  /** @param {number[]} userIds */
  watch(userIds) {
    for (const id of userIds) this.#watching.add(id);
    this.#announceWatch();
  }

  /** @param {string} name @param {any} data @returns {Promise<any>} */
  async command(name, data) {
    const { link } = this.#connection;
    if (link?.command && JSON.stringify(data).length < MAX_FRAME) return await link.command(name, data);
    const answer = this.#tabs.leading || name === "send_message" ? null : await this.#askLeader(name, data);
    if (answer?.error) throw ParleyError.from(answer.error);
    return answer ? answer.data : await this.#request(...restRoute(name, data));
  }

  /** Sends a command that has no answer. @param {string} name @param {any} data */
  notify(name, data) {
    const { link } = this.#connection;
    if (link?.notify) link.notify(name, data);
    else if (!this.#tabs.leading) this.#tabs.post({ type: "notify", name, data });
    else if (data.conversationId) this.#request(...restRoute(name, data)).catch(() => {}); // no caller waits for it
  }

  /** Sends a command through the leading tab; resolves to null if it does not answer. @param {string} name @param {any} data @returns {Promise<any>} */
  #askLeader(name, data) {
    const id = uuid7();
    this.#tabs.post({ type: "command", id, name, data });
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#pending.get(id)?.(null), ANSWER_MS);
      this.#pending.set(id, (answer) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(answer);
      });
    });
  }

  #onLead() {
    this.#tabs.post({ type: "lead" });
    this.#announceWatch();
    this.#connection.start();
  }

  #announceWatch() {
    const userIds = [...this.#watching];
    this.#presence.set(this.#tab, userIds, this.#connection.link);
    if (!this.#tabs.leading) this.#tabs.post({ type: "watch", tab: this.#tab, userIds });
  }

  /** @param {State} state */
  #onState(state) {
    this.state = state;
    this.#postState();
    void this.#emit("state", state);
    if (state.status !== "online") return this.outbox.suspend();
    this.#presence.subscribe(this.#connection.link);
    this.#delivered.flush();
    if (this.#needsUnread) void this.#fetchUnread();
    void this.outbox.resume();
  }

  #postState() {
    const { error } = this.state;
    this.#tabs.post({ type: "state", cursor: this.cursor, state: { ...this.state, ...(error && { error: plain(error) }) } });
  }

  /**
   * Handles an event of the stream: the leader gets it from the server, the other tabs from the leader.
   * @param {string} name @param {any} data @param {string} [cursor]
   */
  async #handle(name, data, cursor) {
    const { leading } = this.#tabs;
    if (leading) this.#tabs.post({ type: "event", name, data, cursor });
    if (leading && name === "joined" && !this.cursor && data.unread.length) this.#needsUnread = true;
    // Messages sent over REST or by an earlier session come back as events; every tab has them from `message_status`.
    const echo = name === "receive_message" && this.#ours.has(data.id);
    const handled = await this.#emit(/** @type {EventName} */ (echo ? "message_updated" : name), data);
    if (!leading) return;
    if (name === "resync") this.#afterResync();
    if (name === "joined" && this.#needsUnread) void this.#fetchUnread();
    if (name === "receive_message" && handled && data.senderId !== this.#me && !this.#connection.link?.confirms) {
      this.#delivered.add(data.conversationId, data.seq);
    }
  }

  /** The server may have lost messages that it had not stored. */
  #afterResync() {
    this.outbox.suspend();
    void this.outbox.resume();
    this.#needsUnread = true;
    void this.#fetchUnread();
  }

  /** Called if the server closed the connection because too much waited. Requests less if this client had made the request. */
  #askForLess() {
    if (Date.now() - this.#unreadAskedAt > ASKED_MS) return;
    this.#unreadQuery = { limit: Math.ceil((this.#unreadQuery.limit ?? UNREAD_LIMIT) / 4) };
  }

  async #fetchUnread() {
    this.#needsUnread = false;
    this.#unreadAskedAt = Date.now();
    try {
      this.broadcast("unread_messages", await this.command("fetch_unread_messages", this.#unreadQuery));
      this.#unreadQuery = {};
    } catch (error) {
      this.#needsUnread = networkError(error).retryable; // tries again when it is online
    }
  }

  /** @param {any} message from another tab */
  #onMessage({ type, name, data, ...more }) {
    if (type === "local") this.#emitLocal(name, data);
    else if (type === "answer") this.#pending.get(more.id)?.({ data, error: more.error });
    else if (this.#tabs.leading) this.#onFollowerMessage(type, name, data, more);
    else this.#onLeaderMessage(type, name, data, more);
  }

  /** @param {string} type @param {string} name @param {any} data @param {any} more */
  #onFollowerMessage(type, name, data, more) {
    if (type === "hello") this.#postState();
    else if (type === "drain") void this.outbox.drain();
    else if (type === "notify") this.notify(name, data);
    else if (type === "command") void this.#answer(more.id, name, data);
    else if (type === "watch") this.#presence.set(more.tab, more.userIds, this.#connection.link);
  }

  /** @param {string} id @param {string} name @param {any} data */
  async #answer(id, name, data) {
    try {
      this.#tabs.post({ type: "answer", id, data: await this.command(name, data) });
    } catch (error) {
      this.#tabs.post({ type: "answer", id, error: plain(networkError(error)) });
    }
  }

  /** @param {string} type @param {string} name @param {any} data @param {any} more */
  #onLeaderMessage(type, name, data, more) {
    if (type === "event") void this.#stream.take(name, data, more.cursor);
    else if (type === "lead") {
      for (const resolve of [...this.#pending.values()]) resolve(null); // the old leader is gone
      this.#announceWatch();
      this.#tabs.post({ type: "hello" });
    } else if (type === "state") {
      this.#stream.cursor ??= more.cursor; // in case this tab has to lead before its first event
      this.state = more.state.error ? { ...more.state, error: ParleyError.from(more.state.error) } : more.state;
      void this.#emit("state", this.state);
    }
  }
}

/** Returns an error as a plain object, which other tabs can receive with all its fields. @param {ParleyError} error */
function plain(error) {
  return { ...error, message: error.message };
}
