// @ts-check
import { Acts } from "./lib/acts.js";
import { TIMING } from "./lib/connection.js";
import { Emitter } from "./lib/emitter.js";
import { ParleyError, networkError } from "./lib/errors.js";
import { uuid7 } from "./lib/ids.js";
import { openOutboxStore } from "./lib/outbox_store.js";
import { confirmPush, disablePush, enablePush, pushState } from "./lib/push.js";
import { Rest } from "./lib/rest.js";
import { SharedConnection } from "./lib/shared.js";
import { Tokens, memoryStorage } from "./lib/tokens.js";

export { ParleyError };

/**
 * @typedef {{ id: number, username: string, displayName: string, avatarUrl?: string | null, lastSeen?: string | null }} User
 * @typedef {import("./lib/connection.js").State} State
 * @typedef {import("./lib/connection.js").Transport} Transport
 * @typedef {{ id: string, conversationId: number, seq: number, sentAt: string, status: "stored" }} Ack
 * @typedef {{ conversationId?: number, receiverId?: number, message?: string, attachments?: any[], replyTo?: string,
 *   forward?: { id: string, conversationId?: number }, kind?: string }} Outgoing
 * @typedef {{ url?: string, storage?: import("./lib/tokens.js").Store, deviceId?: string, transports?: Transport[],
 *   shareAcrossTabs?: boolean, fetch?: typeof fetch, WebSocket?: any, indexedDB?: IDBFactory | null,
 *   outboxStore?: import("./lib/outbox_store.js").OutboxStore,
 *   renew?: (pair: import("./lib/tokens.js").Pair) => Promise<import("./lib/tokens.js").Pair>,
 *   timing?: Partial<import("./lib/connection.js").Timing> }} Options
 */

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A chat client; README.md beside this file tells how it is used. */
export class Parley extends Acts {
  #url;
  #key;
  #options;
  #fetch;
  /** @type {Rest} */ #rest;
  #emitter = new Emitter();
  /** @type {Tokens} */ #tokens;
  #store;
  /** @type {SharedConnection | null} */ #shared = null;
  /** @type {number | undefined} */ #userId;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #renewTimer;
  /** @type {Map<string, { resolve: (ack: Ack) => void, reject: (error: ParleyError) => void }>} */ #awaited = new Map();

  /** @param {Options} [options] */
  constructor(options = {}) {
    super();
    const { url = location.origin, storage = globalThis.localStorage ?? memoryStorage() } = options;
    this.#url = url.replace(/\/$/, "");
    this.#key = `parley:${this.#url}`;
    this.#options = options;
    this.#fetch = options.fetch ?? fetch.bind(globalThis);
    this.#rest = new Rest({ url: this.#url, fetch: this.#fetch, tokens: () => this.#tokens });
    this.deviceId = options.deviceId ?? storage.getItem("parley:device") ?? uuid7();
    storage.setItem("parley:device", this.deviceId);
    this.#store = options.outboxStore ?? openOutboxStore(options.indexedDB ?? globalThis.indexedDB);
    const renewWith = options.renew ?? ((/** @type {any} */ pair) => this.#renewWith(pair));
    this.#tokens = new Tokens({ key: this.#key, storage, renewWith, always: Boolean(options.renew), onChange: () => this.#tokensChanged() });
    this.#userId = this.me?.id;
    this.on("message_status", (status) => this.#settle(status));
    this.on("discarded", ({ id }) => this.#reject(id, new ParleyError("discarded")));
  }

  /** @param {string} name @param {import("./lib/emitter.js").Handler} handler @returns {() => void} takes it off again */
  on(name, handler) {
    return this.#emitter.on(name, handler);
  }

  #request = (/** @type {[string, string, any?]} */ ...call) => this.request(...call);

  /** @param {string} method @param {string} path under /api/v1 @param {any} [body] @returns {Promise<any>} */
  request(method, path, body) {
    return this.#rest.request(method, path, body);
  }

  // --- signing in

  /** @returns {User | null} */
  get me() {
    return this.#tokens.current?.user ?? null;
  }

  /** @param {{ username: string, password: string, displayName?: string }} account @returns {Promise<User>} */
  async register(account) {
    return this.#signIn(await this.#rest.call("POST", "/auth/register", account));
  }

  /** @param {{ username: string, password: string }} credentials @returns {Promise<User>} */
  async login(credentials) {
    return this.#signIn(await this.#rest.call("POST", "/auth/login", credentials));
  }

  /** @param {import("./lib/tokens.js").Pair} pair @returns {Promise<User>} */
  async useTokens(pair) {
    return this.#signIn({ ...pair, user: await this.#rest.call("GET", "/me", undefined, pair.accessToken) });
  }

  async logout() {
    await disablePush(this.#request).catch(() => {}); // the server drops them with the sign-in
    try {
      await this.request("POST", "/auth/logout");
    } finally {
      this.#tokens.clear();
    }
  }

  /** @param {{ displayName?: string, avatarUrl?: string | null, lastSeenVisible?: string }} changes @returns {Promise<User>} */
  async updateMe(changes) {
    const user = await this.request("PATCH", "/me", changes);
    const { current } = this.#tokens;
    if (current) this.#tokens.save(current, user);
    return user;
  }

  /** @param {import("./lib/tokens.js").Pair & { user: User }} answer */
  #signIn({ user, accessToken, refreshToken }) {
    this.close();
    this.#userId = user.id;
    this.#tokens.save({ accessToken, refreshToken }, user);
    return user;
  }

  /** @param {import("./lib/tokens.js").Pair} pair */
  async #renewWith({ refreshToken }) {
    if (!refreshToken) throw new ParleyError("unauthorized", "There is no refresh token.");
    return await this.#rest.call("POST", "/auth/refresh", undefined, refreshToken);
  }

  #tokensChanged() {
    clearTimeout(this.#renewTimer);
    const { current } = this.#tokens;
    if (this.#userId !== undefined && current?.user?.id !== this.#userId) {
      this.#userId = undefined;
      this.close();
      void this.#emitter.emit("signed_out", {});
    } else if (current && this.#shared) {
      this.#shared.renewed(current.accessToken);
      this.#renewInTime(current.renewAt);
    }
  }

  /** @param {number} at */
  #renewInTime(at) {
    clearTimeout(this.#renewTimer);
    const wait = Math.min(Math.max(at - Date.now(), 0) + 20, LONGEST_TIMER_MS); // timers may be early by a little
    this.#renewTimer = setTimeout(() => {
      const again = () => this.#shared && this.#renewInTime(Math.max(this.#tokens.current?.renewAt ?? 0, Date.now() + 1_000));
      this.#tokens.fresh().then(again, again);
    }, wait);
  }

  // --- connecting

  /** @returns {State} */
  get state() {
    return this.#shared?.state ?? { status: "offline", transport: null };
  }

  /** Where the stream of events stands: `connect({ cursor })` goes on from it, in another process too. */
  get cursor() {
    return this.#shared?.cursor;
  }

  /**
   * Settles once events flow; rejects where nobody is signed in, or on `close`.
   * @param {{ cursor?: string }} [options]
   * @returns {Promise<void>}
   */
  async connect({ cursor } = {}) {
    const { current } = this.#tokens;
    if (!current) throw new ParleyError("unauthorized", "Nobody is signed in.");
    const online = this.#untilOnline();
    if (!this.#shared) {
      this.#shared = this.#makeShared(current.user.id);
      this.#shared.start(cursor);
      this.#renewInTime(current.renewAt);
      this.#watchPlatform("addEventListener");
      void online.then(() => confirmPush(this.#request, this.deviceId)).catch(() => {}); // next time
    }
    return online;
  }

  close() {
    if (!this.#shared) return;
    const shared = this.#shared;
    this.#shared = null;
    clearTimeout(this.#renewTimer);
    this.#watchPlatform("removeEventListener");
    shared.stop();
    void this.#emitter.emit("state", { status: "offline", transport: null });
    void this.#emitter.emit("closed", {});
  }

  /** @param {number} userId */
  #makeShared(userId) {
    const { transports = ["websocket", "sse", "long-poll"], shareAcrossTabs = true, timing } = this.#options;
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket;
    /** @type {Transport[]} */
    const order = transports.filter((name) => name !== "websocket" || WebSocket);
    const link = { url: this.#url, deviceId: this.deviceId, fetch: this.#fetch, WebSocket };
    return new SharedConnection({
      name: `${this.#key}:${userId}`,
      shared: shareAcrossTabs && typeof document !== "undefined",
      me: userId,
      emit: (name, data) => this.#emitter.emit(name, data),
      request: this.#request,
      store: this.#store,
      connection: { order, timing: { ...TIMING, ...timing }, tokens: this.#tokens, link },
    });
  }

  /** @returns {Promise<void>} */
  #untilOnline() {
    if (this.state.status === "online") return Promise.resolve();
    return new Promise((resolve, reject) => {
      /** @param {() => void} settle */
      const done = (settle) => (offs.forEach((off) => off()), settle());
      /** @type {(() => void)[]} */
      const offs = [
        this.on("state", ({ status }) => status === "online" && done(resolve)),
        this.on("closed", () => done(() => reject(new ParleyError("closed", "The client was closed.")))),
      ];
    });
  }

  /** @param {"addEventListener" | "removeEventListener"} act */
  #watchPlatform(act) {
    if (typeof document === "undefined") return;
    for (const name of ["online", "offline", "pagehide", "pageshow"]) globalThis[act](name, this.#platformEvent);
    document[act]("visibilitychange", this.#platformEvent);
    navigator.serviceWorker?.[act]("message", this.#platformEvent);
  }

  #platformEvent = (/** @type {any} */ event) => {
    const { type, persisted, data } = event;
    if (type === "message") {
      if (data?.type === "open_conversation") void this.#emitter.emit(data.type, data);
    } else if (type === "pagehide") {
      if (persisted) this.#shared?.stop(); // frozen, it must not keep the connection from other tabs
    } else if (type === "pageshow") {
      if (persisted) this.#shared?.start(this.cursor);
    } else if (type !== "visibilitychange" || document.visibilityState === "visible") {
      this.#shared?.nudge();
    }
  };

  // --- sending

  /**
   * Put a message on its way. `saved`: it is in the outbox, and survives a reload; `done`: it is stored, or refused.
   * @param {Outgoing} outgoing
   * @returns {{ id: string, message: any, saved: Promise<void>, done: Promise<Ack> }}
   */
  send({ conversationId, receiverId, message = "", attachments = [], replyTo, forward, kind }) {
    const shared = this.#connected();
    const id = uuid7();
    const named = attachments.map(({ mediaId }) => ({ mediaId }));
    const data = { id, conversationId, receiverId, message, kind, replyTo, forward, ...(named.length && { attachments: named }) };
    const shown = { ...data, kind: kind ?? "text", attachments, senderId: this.#userId, sentAt: new Date().toISOString(), status: "sending" };
    /** @type {Promise<Ack>} */
    const done = new Promise((resolve, reject) => this.#awaited.set(id, { resolve, reject }));
    done.catch(() => {}); // `message_status` tells it to those who do not wait
    const saved = shared.outbox.add(data, shown);
    saved.then(() => shared.drain(), (error) => this.#reject(id, networkError(error)));
    return { id, message: shown, saved, done };
  }

  /** What waits or was refused, in order. @returns {Promise<any[]>} */
  async outbox() {
    const entries = await this.#connected().outbox.list();
    return entries.map(({ id, data, status, message, error }) => ({ id, conversationId: data.conversationId, status, message, error }));
  }

  /** @param {string} id of a message that was refused */
  async retry(id) {
    const shared = this.#connected();
    await shared.outbox.retry(id);
    shared.drain();
  }

  /** @param {string} id of a message that is not to be sent any more */
  discard(id) {
    return this.#connected().outbox.discard(id);
  }

  /** @param {string} name @param {any} data */
  command(name, data) {
    return this.#connected().command(name, data);
  }

  /** @param {string} name @param {any} data */
  tell(name, data) {
    this.#shared?.tell(name, data);
  }

  /** @param {number[]} userIds */
  watch(userIds) {
    this.#connected().watch(userIds);
  }

  // --- media and push

  /**
   * @param {Blob} file @param {number} conversationId
   * @param {{ onProgress?: (fraction: number) => void, signal?: AbortSignal, filename?: string }} [options]
   * @returns {Promise<any>} the attachment
   */
  upload(file, conversationId, options = {}) {
    return this.#rest.upload(file, conversationId, options);
  }

  /** @param {string} mediaId @param {"thumbnail"} [variant] */
  mediaUrl(mediaId, variant) {
    return this.#rest.mediaUrl(mediaId, variant);
  }

  pushState() {
    return pushState();
  }

  enablePush() {
    return enablePush(this.#request, this.deviceId);
  }

  disablePush() {
    return disablePush(this.#request);
  }

  // --- within

  /** @param {any} status */
  #settle({ id, status, message, error, ...ack }) {
    if (status === "failed") this.#reject(id, ParleyError.from(error));
    if (status !== "stored") return;
    this.#awaited.get(id)?.resolve({ id, status, ...ack });
    this.#awaited.delete(id);
  }

  /** @param {string} id @param {ParleyError} error */
  #reject(id, error) {
    this.#awaited.get(id)?.reject(error);
    this.#awaited.delete(id);
  }

  #connected() {
    if (!this.#shared) throw new ParleyError("closed", "Call connect() first.");
    return this.#shared;
  }
}
