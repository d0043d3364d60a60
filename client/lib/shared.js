/**
 * @import { ConnectionOptions, Emit, Fixed, Request } from "./link_types.js"
 * @import { OutboxStore } from "./option_types.js"
 * @import { EventMap, EventName, State } from "./types.js"
 */
import { OVER_REST } from "./commands.js";
import { Connection } from "./connection.js";
import { Delivered } from "./delivered.js";
import { ParleyError, networkError } from "./errors.js";
import { uuid7 } from "./ids.js";
import { Outbox } from "./outbox.js";
import { Recent, Stream } from "./stream.js";
import { Tabs } from "./tabs.js";
import { Watched } from "./watched.js";

const ANSWER_MS = 10_000; // of the leading tab; then the act goes over REST
const LONGEST_FRAME = 16_000; // in UTF-16 units: below the server's 64 KiB in any script; longer goes over REST

/**
 * One connection for all tabs of a user. The leading tab holds it, handles and tells the others everything; they send
 * through it. When it goes, another goes on from the cursor that it knows.
 *
 * Between tabs: `hello` and `watch` to the leader; `lead`, `state`, `event` from it; `command` and `answer`, `tell`;
 * `local` (what the client itself has to say) and `drain` to everybody.
 */
export class SharedConnection {
  /** @type {State} */ state = { status: "offline", transport: null };
  #tab = uuid7();
  #emit;
  #request;
  #me;
  #tabs;
  #connection;
  #stream = new Stream((name, data, cursor) => this.#handle(name, data, cursor));
  #delivered = new Delivered((name, data) => this.command(name, data));
  #watched;
  /** @type {Set<number>} */ #watching = new Set();
  /** Ids of what this browser sent. */ #ours = new Recent();
  #wantsUnread = false;
  /** @type {Map<string, (answer: any) => void>} */ #asked = new Map();

  /**
   * @param {{ name: string, shared: boolean, me: number, emit: Emit, request: Request, store: OutboxStore,
   *   connection: Omit<ConnectionOptions, "link" | "on"> & { link: Omit<Fixed, "cursor"> } }} options
   */
  constructor({ name, shared, me, emit, request, store, connection }) {
    this.#emit = emit;
    this.#request = request;
    this.#me = me;
    this.#tabs = new Tabs({ name, shared, hear: (message) => this.#hear(message), lead: () => this.#lead() });
    this.#connection = new Connection({
      ...connection,
      link: { ...connection.link, cursor: () => this.#stream.cursor },
      on: {
        state: (state) => this.#become(state),
        joined: (data) => void this.#stream.take("joined", data),
        event: (name, data, cursor) => this.#stream.take(name, data, cursor),
      },
    });
    this.outbox = new Outbox({
      store,
      owner: name,
      send: (data) => this.command("send_message", data),
      tell: (name, data) => this.tellAll(name, data),
    });
    this.#watched = new Watched({ request, tell: (view) => this.tellAll("presence", view) });
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
    this.#watched.stop();
    this.outbox.suspend();
    if (this.#tabs.leading) this.#connection.stop();
    else void this.#emit("state", (this.state = { status: "offline", transport: null }));
    this.#tabs.leave();
  }

  /** Begin again, where the connection was given up for good. */
  wake() {
    if (this.#tabs.leading) this.#connection.start();
  }

  nudge() {
    this.#connection.nudge();
  }

  /** The access token is another now. @param {string} token */
  renewed(token) {
    // Where it fails the session ends with its old token, and comes back with this one.
    this.#connection.link?.command?.("authenticate", { token }).catch(() => {});
  }

  /** To the handlers of every tab. @template {EventName} K @param {K} name @param {EventMap[K]} data */
  tellAll(name, data) {
    this.#tabs.post({ type: "local", name, data });
    this.#local(name, data);
  }

  /** @param {EventName} name @param {any} data */
  #local(name, data) {
    if (name === "message_status") this.#ours.set(data.id, true);
    void this.#emit(name, data);
  }

  /** There is something new in the outbox. */
  drain() {
    this.#tabs.post({ type: "drain" });
    void this.outbox.drain();
  }

  /** @param {number[]} userIds */
  watch(userIds) {
    for (const id of userIds) this.#watching.add(id);
    this.#announceWatched();
  }

  /** @param {string} name @param {any} data @returns {Promise<any>} */
  async command(name, data) {
    const { link } = this.#connection;
    if (link?.command && JSON.stringify(data).length < LONGEST_FRAME) return await link.command(name, data);
    const answer = this.#tabs.leading || name === "send_message" ? null : await this.#ask(name, data);
    if (answer?.error) throw ParleyError.from(answer.error);
    return answer ? answer.data : await this.#request(...OVER_REST[name](data));
  }

  /** A command without an answer. @param {string} name @param {any} data */
  tell(name, data) {
    const { link } = this.#connection;
    if (link?.tell) link.tell(name, data);
    else if (!this.#tabs.leading) this.#tabs.post({ type: "tell", name, data });
    else if (data.conversationId) this.#request(...OVER_REST[name](data)).catch(() => {}); // nobody waits for it
  }

  /** Of the leading tab. Null where it does not answer. @param {string} name @param {any} data @returns {Promise<any>} */
  #ask(name, data) {
    const id = uuid7();
    this.#tabs.post({ type: "command", id, name, data });
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#asked.get(id)?.(null), ANSWER_MS);
      this.#asked.set(id, (answer) => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(answer);
      });
    });
  }

  #lead() {
    this.#tabs.post({ type: "lead" });
    this.#announceWatched();
    this.#connection.start();
  }

  #announceWatched() {
    const userIds = [...this.#watching];
    this.#watched.set(this.#tab, userIds);
    if (!this.#tabs.leading) this.#tabs.post({ type: "watch", tab: this.#tab, userIds });
    else if (this.#connection.link) this.#watched.begin(this.#connection.link);
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.#postState();
    void this.#emit("state", state);
    if (state.status !== "online") return this.outbox.suspend();
    if (this.#connection.link) this.#watched.begin(this.#connection.link);
    this.#delivered.flush();
    if (this.#wantsUnread) void this.#fetchUnread();
    void this.outbox.resume();
  }

  #postState() {
    const { error, ...state } = this.state;
    this.#tabs.post({ type: "state", cursor: this.cursor, state: { ...state, ...(error && { error: { ...error, message: error.message } }) } });
  }

  /** An event of the stream; at the leader from the server, at the others from the leader.
   * @param {string} name @param {any} data @param {string} [cursor] */
  async #handle(name, data, cursor) {
    const { leading } = this.#tabs;
    if (leading) this.#tabs.post({ type: "event", name, data, cursor });
    if (leading && name === "joined" && !this.cursor && data.unread.length) this.#wantsUnread = true;
    // What was sent by REST, or by a session before this one, comes back: every tab has it by `message_status`.
    const echo = name === "receive_message" && this.#ours.has(data.id);
    const handled = await this.#emit(/** @type {EventName} */ (echo ? "message_updated" : name), data);
    if (!leading) return;
    if (name === "resync") this.#afterResync();
    if (name === "joined" && this.#wantsUnread) void this.#fetchUnread();
    if (name === "receive_message" && handled && data.senderId !== this.#me && !this.#connection.link?.confirms) {
      this.#delivered.note(data.conversationId, data.seq);
    }
  }

  /** The server may have lost what it had not stored. */
  #afterResync() {
    this.outbox.suspend();
    void this.outbox.resume();
    this.#wantsUnread = true;
    void this.#fetchUnread();
  }

  async #fetchUnread() {
    this.#wantsUnread = false;
    try {
      this.tellAll("unread_messages", await this.command("fetch_unread_messages", {}));
    } catch (error) {
      this.#wantsUnread = networkError(error).retryable; // once it is online again
    }
  }

  /** @param {any} message of another tab */
  #hear({ type, name, data, ...more }) {
    if (type === "local") this.#local(name, data);
    else if (type === "answer") this.#asked.get(more.id)?.({ data, error: more.error });
    else if (this.#tabs.leading) this.#hearAsLeader(type, name, data, more);
    else this.#hearFromLeader(type, name, data, more);
  }

  /** @param {string} type @param {string} name @param {any} data @param {any} more */
  #hearAsLeader(type, name, data, more) {
    if (type === "hello") this.#postState();
    else if (type === "drain") void this.outbox.drain();
    else if (type === "tell") this.tell(name, data);
    else if (type === "command") void this.#answer(more.id, name, data);
    else if (type === "watch") {
      this.#watched.set(more.tab, more.userIds);
      if (this.#connection.link) this.#watched.begin(this.#connection.link);
    }
  }

  /** @param {string} id @param {string} name @param {any} data */
  async #answer(id, name, data) {
    try {
      this.#tabs.post({ type: "answer", id, data: await this.command(name, data) });
    } catch (error) {
      const { message, ...rest } = networkError(error);
      this.#tabs.post({ type: "answer", id, error: { ...rest, message } });
    }
  }

  /** @param {string} type @param {string} name @param {any} data @param {any} more */
  #hearFromLeader(type, name, data, more) {
    if (type === "event") void this.#stream.take(name, data, more.cursor);
    else if (type === "lead") {
      for (const answered of [...this.#asked.values()]) answered(null); // the one that was asked is gone
      this.#announceWatched();
      this.#tabs.post({ type: "hello" });
    } else if (type === "state") {
      this.#stream.cursor ??= more.cursor; // from where to go on, should this tab have to lead before anything comes
      this.state = more.state.error ? { ...more.state, error: ParleyError.from(more.state.error) } : more.state;
      void this.#emit("state", this.state);
    }
  }
}
