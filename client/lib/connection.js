/**
 * @import { ConnectionOptions, End, Link } from "./link_types.js"
 * @import { Timing } from "./option_types.js"
 * @import { Joined, State } from "./types.js"
 */
import { ParleyError, networkError } from "./errors.js";
import { openLongPoll } from "./long_poll.js";
import { openSse } from "./sse.js";
import { openWebSocket } from "./websocket.js";

const TOO_SLOW = 4429;
const OPENERS = { websocket: openWebSocket, sse: openSse, "long-poll": openLongPoll };

/** @type {Timing} */
export const TIMING = {
  openMs: 10_000, // from opening to `joined`
  firstByteMs: 6_000, // of an event stream; a buffering proxy lets nothing through
  silenceMs: 40_000, // the server writes a comment every 15 s
  pingMs: 25_000,
  pongMs: 10_000,
  waitSeconds: 25,
  retryMs: 1_000,
  maxRetryMs: 30_000,
  shortMs: 10_000, // a shorter-lived link counts as failed
  climbMs: 30_000,
  maxClimbMs: 600_000,
};

/**
 * One stream of events over the best transport that works, until it is stopped.
 *
 * If a transport does not open, or is cut three times in its first seconds, the connection falls back to the next one.
 * It tries better transports again later, and closes the working one only when a better one has joined.
 */
export class Connection {
  /** @type {State} */ state = { status: "offline", transport: null };
  /** @type {Link | null} */ link = null;
  #order;
  #timing;
  #options;
  #on;
  #running = false;
  #index = 0;
  #tries = 0;
  #shortLives = 0;
  #since = 0;
  #climb;
  #renewed = false;
  #tooSlow = 0; // how often in a row the server closed this transport with 4429
  /** @type {Set<Link>} */ #trials = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #climbTimer;

  /** @param {ConnectionOptions} options */
  constructor({ order, timing, tokens, link, on }) {
    this.#order = order;
    this.#timing = timing;
    this.tokens = tokens;
    this.#options = { ...link, timing, fresh: () => tokens.fresh() };
    this.#on = on;
    this.#climb = timing.climbMs;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#tries = this.#index = 0;
    void this.#open(0);
  }

  /** @param {ParleyError} [error] */
  stop(error) {
    this.#running = false;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#climbTimer);
    this.#closeAll();
    this.#setState({ status: "offline", transport: null, ...(error && { error }) });
  }

  /** Checks the connection now, without waiting for timers: the network changed, or the user came back to the page. */
  nudge() {
    if (this.link) this.link.check?.();
    else if (this.#running && this.#trials.size === 0) void this.#open(this.#index);
  }

  /** The device has lost its network. Tries again as usual, because the server may be on the device itself. */
  cut() {
    if (!this.#running) return;
    clearTimeout(this.#climbTimer);
    this.#closeAll();
    this.#tries = 0;
    this.#retry({}, "");
  }

  /** @param {State} state */
  #setState(state) {
    this.state = state;
    this.#on.state(state);
  }

  #closeAll() {
    this.link?.close();
    this.link = null;
    for (const trial of this.#trials) trial.close();
    this.#trials.clear();
  }

  /** @param {number} index @param {boolean} [climbing] */
  async #open(index, climbing = false) {
    clearTimeout(this.#retryTimer);
    this.#index = climbing ? this.#index : index;
    const transport = this.#order[index];
    if (!climbing) this.#setState({ status: "connecting", transport });
    /** @type {Link} */ const placeholder = { close() {} }; // until the token is there
    this.#trials.add(placeholder);
    let token;
    try {
      token = await this.tokens.fresh();
    } catch (error) {
      if (this.#trials.delete(placeholder)) this.#onFailed(index, climbing, { error: networkError(error) }, "");
      return;
    }
    if (!this.#trials.delete(placeholder)) return; // stopped in the meantime
    /** @type {Link} */ const link = OPENERS[transport]({ ...this.#options, token }, {
      joined: (data) => this.#onJoined(link, index, data),
      event: (name, data, cursor) =>
        link === this.link || this.#trials.has(link) ? this.#on.event(name, data, cursor) : Promise.resolve(),
      ended: (end) => {
        if (this.#trials.delete(link)) this.#onFailed(index, climbing, end, token);
        else if (link === this.link) this.#onLost(end, token);
      },
    });
    this.#trials.add(link);
  }

  /** @param {Link} link @param {number} index @param {Joined | null} data */
  #onJoined(link, index, data) {
    if (!this.#trials.delete(link)) return;
    this.#closeAll();
    this.link = link;
    this.#index = index;
    this.#since = Date.now();
    if (data) this.#on.joined(data);
    this.#setState({ status: "online", transport: this.#order[index] });
    if (index === 0) this.#climb = Math.min(this.#timing.climbMs, 2_000); // it works on this network: try it again soon
    else this.#climbLater();
  }

  #climbLater() {
    clearTimeout(this.#climbTimer);
    this.#climbTimer = setTimeout(() => this.#climbNow(), this.#climb);
    this.#climb = Math.min(this.#climb * 2, this.#timing.maxClimbMs);
  }

  #climbNow() {
    if (!this.link || this.#index === 0) return;
    for (let index = 0; index < this.#index; index++) void this.#open(index, true);
    this.#climbLater();
  }

  /** The link in use ended. @param {End} end @param {string} token */
  #onLost(end, token) {
    this.link = null;
    this.#tooSlow = end.code === TOO_SLOW ? this.#tooSlow + 1 : 0;
    if (end.code === TOO_SLOW) this.#on.tooSlow();
    if (this.#running && this.#tooSlow >= 3 && this.#index + 1 < this.#order.length) return this.#stepDown();
    if (Date.now() - this.#since > this.#timing.shortMs) {
      this.#tries = this.#shortLives = 0;
      this.#renewed = false;
    } else if (!end.error && (end.code ?? 1006) === 1006) this.#shortLives += 1;
    if (this.#shortLives < 3) return this.#retry(end, token);
    this.#shortLives = 0;
    this.#climb = this.#timing.climbMs;
    this.#onFailed(this.#index, false, end, token);
  }

  /** The network takes too little at once on this transport, so the next transport requests less. */
  #stepDown() {
    this.#tooSlow = this.#shortLives = 0;
    this.#climb = this.#timing.climbMs;
    void this.#open(this.#index + 1);
  }

  /** A link did not open. @param {number} index @param {boolean} climbing @param {End} end @param {string} token */
  #onFailed(index, climbing, end, token) {
    if (!this.#running || climbing) return;
    const answers = ["unauthorized", "suspended", "rate_limited", "overloaded", 1001, 1008, 1009, 1013, 4401, 4429];
    const blocked = !answers.includes(end.error?.code ?? "") && !answers.includes(end.code ?? 0); // by something in between
    if (blocked && index + 1 < this.#order.length) return void this.#open(index + 1);
    if (blocked) this.#index = 0;
    this.#retry(end, token);
  }

  /** @param {End} end @param {string} token the token that opened the link */
  #retry({ code, error }, token) {
    if (!this.#running) return;
    if (code === 1008 || code === 1009 || error?.code === "suspended") return this.stop(error ?? new ParleyError("invalid", `closed with ${code}`));
    if ((code === 4401 || error?.code === "unauthorized") && !this.#renewed) return void this.#renew(token);
    const backoff = Math.min(this.#timing.retryMs * 2 ** this.#tries, this.#timing.maxRetryMs);
    const wait = Math.max(backoff * (0.5 + Math.random() / 2), (error?.retryAfter ?? 0) * 1000);
    this.#tries += 1;
    this.#setState({ status: "offline", transport: null, retryInMs: Math.round(wait), ...(error && { error }) });
    this.#renewed = false;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#open(this.#index), wait);
  }

  /** @param {string} token */
  async #renew(token) {
    this.#renewed = true;
    this.#setState({ status: "connecting", transport: this.#order[this.#index] });
    try {
      if (token) await this.tokens.renew(token);
    } catch (error) {
      return this.#retry({ error: networkError(error) }, token);
    }
    if (this.#running && !this.link) void this.#open(this.#index);
  }
}
