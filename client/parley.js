/**
 * @import { Options, Pair, UploadOptions } from "./lib/option_types.js"
 * @import { Attachment, EventName, Handler, Limits, OutboxEntry, Outgoing, Profile, Sent, State, Transport, User, UserUpdated } from "./lib/types.js"
 */
import { Commands } from "./lib/commands.js";
import { PendingSends } from "./lib/pending_sends.js";
import { compose } from "./lib/compose.js";
import { TIMING } from "./lib/connection.js";
import { Emitter } from "./lib/emitter.js";
import { ParleyError, networkError } from "./lib/errors.js";
import { parseText, plainText } from "./lib/formatting.js";
import { grown } from "./lib/growing.js";
import { KnownDevices } from "./lib/known_devices.js";
import { uuid7 } from "./lib/ids.js";
import { openOutboxStore } from "./lib/outbox_store.js";
import { watchPlatform } from "./lib/platform.js";
import { confirmPush, disablePush, workerScope } from "./lib/push.js";
import { Rest } from "./lib/rest.js";
import { TabCoordinator } from "./lib/tab_coordinator.js";
import { Tokens, defaultStorage } from "./lib/tokens.js";

export { ParleyError, grown, parseText, plainText };

/** A chat client. README.md in this folder describes how to use it. */
export class Parley extends Commands {
  #key;
  #options;
  #link;
  /** @type {Rest} */ #rest;
  #emitter = new Emitter();
  /** @type {Tokens} */ #tokens;
  /** @type {KnownDevices} */ #devices;
  #store;
  /** @type {TabCoordinator | null} */ #tabs = null;
  /** @type {number | undefined} */ #userId;
  /** @type {() => void} */ #unwatch = () => {};
  #pending = new PendingSends();
  /** The server's limits: known after `connect` or `fetchLimits`. @type {Limits | null} */ limits = null;

  /** @param {Options} [options] */
  constructor(options = {}) {
    super();
    const { storage = defaultStorage(), WebSocket = globalThis.WebSocket, indexedDB = globalThis.indexedDB } = options;
    const url = (options.url ?? location.origin).replace(/\/$/, "");
    /** The server's address. */ this.url = url;
    this.#key = `parley:${url}`;
    this.scope = workerScope(url);
    this.#options = options;
    this.deviceId = options.deviceId ?? storage.getItem("parley:device") ?? uuid7();
    storage.setItem("parley:device", this.deviceId);
    this.#link = { url, WebSocket, deviceId: this.deviceId, fetch: options.fetch ?? fetch.bind(globalThis) };
    this.#rest = new Rest({ ...this.#link, language: options.language, tokens: () => this.#tokens });
    this.#store = options.outboxStore ?? openOutboxStore(indexedDB);
    this.#tokens = new Tokens({
      key: this.#key, storage, indexedDB,
      renewWith: options.renew ?? ((pair) => this.#renew(pair)),
      always: Boolean(options.renew),
      onChange: () => this.#tokensChanged(),
    });
    this.#devices = new KnownDevices(this.#key, storage);
    this.#userId = this.me?.id;
    this.on("joined", ({ limits }) => void (this.limits = limits));
    this.on("user_updated", (user) => this.#updateMe(user));
    this.on("message_status", (status) => this.#pending.settle(status));
    this.on("discarded", ({ id }) => this.#pending.reject(id, new ParleyError("discarded")));
  }

  /**
   * @template {EventName | "*"} K
   * @param {K} name an event, or `*` for all @param {Handler<K>} handler may be asynchronous
   * @returns {() => void} removes the handler
   */
  on(name, handler) {
    return this.#emitter.on(name, handler);
  }

  #request = (/** @type {[string, string, any?]} */ ...call) => this.request(...call);

  /** @param {string} method @param {string} path under /api/v1 @param {any} [body] @returns {Promise<any>} */
  request(method, path, body) {
    return this.#rest.request(method, path, body);
  }

  /** @param {string} path of a file under /api/v1 @returns {Promise<Blob>} */
  download(path) {
    return this.#rest.download(path);
  }

  /** Reads the server's limits; works without a sign-in. @returns {Promise<Limits>} */
  async fetchLimits() {
    return (this.limits = await this.#rest.call("GET", "/limits"));
  }

  // --- signing in

  /** @returns {User & Partial<Profile> | null} */
  get me() {
    return this.#tokens.current?.user ?? null;
  }

  /** Signs in. @param {string} path @param {any} body @returns {Promise<User>} */
  async enter(path, body) {
    return this.#signIn(await this.#rest.call("POST", path, body));
  }

  /** @param {{ username: string, password: string }} credentials @returns {Promise<User>} */
  async login(credentials) {
    const deviceToken = this.#devices.tokenFor(credentials.username);
    return this.enter("/auth/login", { ...credentials, deviceToken });
  }

  /** @param {Pair} pair @returns {Promise<User>} */
  async useTokens(pair) {
    return this.#signIn({ ...pair, user: await this.#rest.call("GET", "/me", undefined, pair.accessToken) });
  }

  async logout() {
    await disablePush(this.#request, this.scope).catch(() => {}); // the server removes them with the sign-in
    try {
      await this.request("POST", "/auth/logout");
    } finally {
      this.#tokens.clear();
    }
  }

  /** Needs no sign-in. @param {string} path under /api/v1 @param {any} body */
  async post(path, body) {
    await this.#rest.call("POST", path, body);
  }

  /** @param {Profile} user */
  keepMe(user) {
    this.#tokens.setUser(user);
  }

  /** Another device of the user changed the profile. @param {UserUpdated} user */
  #updateMe({ userId, displayName, avatarUrl, status, doNotDisturbUntil, metadata, deleted }) {
    const { me } = this;
    if (!me || me.id !== userId || deleted) return;
    const now = { avatarUrl: avatarUrl ?? undefined, status: status ?? undefined, doNotDisturbUntil: doNotDisturbUntil ?? undefined, metadata };
    this.#tokens.setUser({ ...me, displayName: displayName ?? me.displayName, ...now });
  }

  /** @param {Pair & { user: User }} answer */
  #signIn({ user, accessToken, refreshToken, deviceToken }) {
    this.close();
    this.#devices.keep(user.username, deviceToken);
    this.#userId = user.id;
    this.#tokens.save({ accessToken, refreshToken }, user);
    return user;
  }

  /** @param {Pair} pair @returns {Promise<Pair>} */
  async #renew({ refreshToken }) {
    const { deviceToken, ...pair } = await this.#rest.call("POST", "/auth/refresh", undefined, refreshToken);
    this.#devices.keep(this.me?.username, deviceToken);
    return pair;
  }

  #tokensChanged() {
    const { current } = this.#tokens;
    if (this.#userId !== undefined && current?.user?.id !== this.#userId) {
      this.#userId = undefined;
      this.close();
      void this.#emitter.emit("signed_out", {});
    } else if (current) {
      this.#tabs?.renewed(current.accessToken);
    }
  }

  // --- connecting

  /** @returns {State} */
  get state() {
    return this.#tabs?.state ?? { status: "offline", transport: null };
  }

  /** The current position in the stream of events. `connect({ cursor })` resumes from it, even in another process. */
  get cursor() {
    return this.#tabs?.cursor;
  }

  /**
   * Resolves when events arrive; rejects if nobody is signed in, or on `close`.
   * @param {{ cursor?: string }} [options]
   * @returns {Promise<void>}
   */
  async connect({ cursor } = {}) {
    const { me } = this;
    if (!me) throw new ParleyError("unauthorized", "You are not signed in.");
    const { push = true } = this.#options;
    const online = this.#untilOnline();
    if (this.#tabs) {
      this.#tabs.wake();
      return online;
    }
    const tabs = (this.#tabs = this.#makeTabs(me.id));
    tabs.start(cursor);
    this.#tokens.keepFresh();
    this.#unwatch = watchPlatform({
      nudge: () => tabs.nudge(),
      cut: () => tabs.cut(),
      freeze: () => tabs.stop(), // a frozen page must not keep the connection from other tabs
      thaw: () => tabs.start(tabs.cursor),
      clicked: (data) => void this.#emitter.emit("open_conversation", data),
    });
    void online.then(() => this.limits ?? this.fetchLimits()).catch(() => {}); // there is no `joined` if another tab leads
    if (push) void online.then(() => confirmPush(this.#request, this.deviceId, this.scope)).catch(() => {}); // tries again at the next connect
    return online;
  }

  /** Checks the connection now: the application came back to the front. Browsers need no call. */
  wake() {
    this.#tabs?.nudge();
  }

  close() {
    const tabs = this.#tabs;
    if (!tabs) return;
    this.#tabs = null;
    this.#tokens.stopRenewing();
    this.#unwatch();
    tabs.stop();
    void this.#emitter.emit("closed", {});
  }

  /** @param {number} userId */
  #makeTabs(userId) {
    const { transports = /** @type {Transport[]} */ (["websocket", "sse", "long-poll"]), shareAcrossTabs = true, timing } = this.#options;
    const order = transports.filter((name) => name !== "websocket" || this.#link.WebSocket);
    return new TabCoordinator({
      name: `${this.#key}:${userId}`,
      shared: shareAcrossTabs && typeof document !== "undefined",
      me: userId,
      emit: (name, data) => this.#emitter.emit(name, data),
      request: this.#request,
      store: this.#store,
      connection: { order, timing: { ...TIMING, ...timing }, tokens: this.#tokens, link: this.#link },
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

  // --- sending

  /**
   * Sends a message. `saved`: it is in the outbox and survives a reload; `done`: the server stored or refused it.
   * @param {Outgoing} outgoing
   * @returns {Sent}
   */
  send(outgoing) {
    const tabs = this.#connected();
    const { id, data, shown } = compose(outgoing, /** @type {number} */ (this.#userId));
    const done = this.#pending.add(id);
    const saved = tabs.outbox.add(data, shown);
    saved.then(() => tabs.drain(), (error) => this.#pending.reject(id, networkError(error)));
    return { id, message: shown, saved, done };
  }

  /** Returns pending and refused messages, in order. @returns {Promise<OutboxEntry[]>} */
  async outbox() {
    const entries = await this.#connected().outbox.list();
    return entries.map(({ id, data, status, message, error }) => ({ id, conversationId: data.conversationId, status, message, error }));
  }

  /** @param {string} id of a refused message */
  async retry(id) {
    const tabs = this.#connected();
    await tabs.outbox.retry(id);
    tabs.drain();
  }

  /** @param {string} id of a message to drop */
  discard(id) {
    return this.#connected().outbox.discard(id);
  }

  /** @param {string} name @param {any} data */
  command(name, data) {
    return this.#connected().command(name, data);
  }

  /** @param {string} name @param {any} data */
  notify(name, data) {
    this.#tabs?.notify(name, data);
  }

  /** @param {number[]} userIds */
  watch(userIds) {
    this.#connected().watch(userIds);
  }

  // --- media

  /** @param {Blob} file @param {number} conversationId @param {UploadOptions} [options] @returns {Promise<Attachment>} */
  upload(file, conversationId, options = {}) {
    return this.#rest.upload(file, conversationId, options);
  }

  /** @param {string} mediaId @param {"thumbnail"} [variant] */
  mediaUrl(mediaId, variant) {
    return this.#rest.mediaUrl(mediaId, variant);
  }

  #connected() {
    if (!this.#tabs) throw new ParleyError("closed", "Call connect() first.");
    return this.#tabs;
  }
}
