/**
 * @import { SignIn } from "./link_types.js"
 * @import { Pair, Store } from "./option_types.js"
 * @import { User } from "./types.js"
 */
import { ParleyError } from "./errors.js";
import { TokenRenewals } from "./token_renewal.js";

const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * The current sign-in, kept in storage that all tabs share.
 *
 * A refresh token works once, and a second use ends the sign-in. A tab that renews therefore holds a lock shared by all
 * tabs, and first checks whether another tab has already renewed.
 */
export class Tokens {
  #key;
  #storage;
  #renewWith;
  #always;
  #renewals;
  /** @type {Promise<void> | null} */ #renewing = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * @param {{ key: string, storage: Store, renewWith: (pair: Pair) => Promise<Pair>, always?: boolean,
   *   indexedDB?: IDBFactory | null, onChange: () => void }} options `always`: renewing needs no refresh token. `onChange`: the user signed in or
   *   out, or the tokens were renewed, in this tab or another
   */
  constructor({ key, storage, renewWith, always = false, indexedDB, onChange }) {
    this.#key = key;
    this.#storage = storage;
    this.#renewWith = renewWith;
    this.#always = always;
    this.#renewals = new TokenRenewals(indexedDB);
    this.onChange = onChange;
    watchStorage(key, onChange);
  }

  /** @returns {SignIn | null} */
  get current() {
    return JSON.parse(this.#storage.getItem(this.#key) ?? "null");
  }

  /** @param {Pair} pair @param {User | null} [user] */
  save(pair, user = this.current?.user ?? null) {
    const life = lifeOf(pair.accessToken);
    const endsAt = Date.now() + life;
    const margin = pair.refreshToken || this.#always ? Math.min(60_000, life / 4) : 0;
    this.#write({ ...pair, user, endsAt, renewAt: endsAt - margin });
  }

  /** @param {SignIn} signIn */
  #write(signIn) {
    this.#storage.setItem(this.#key, JSON.stringify(signIn));
    this.onChange();
  }

  /** @param {User} user */
  setUser(user) {
    const { current } = this;
    if (current) this.#storage.setItem(this.#key, JSON.stringify({ ...current, user }));
  }

  clear() {
    this.#storage.removeItem(this.#key);
    this.onChange();
  }

  /** Renews the tokens before they expire, until `stopRenewing`. */
  keepFresh() {
    this.stopRenewing();
    const wait = Math.max((this.current?.renewAt ?? 0) - Date.now(), 1_000) + 20; // timers may fire a little early
    const again = () => this.#timer && this.current && this.keepFresh();
    this.#timer = setTimeout(() => this.fresh().then(again, again), Math.min(wait, MAX_TIMER_MS));
  }

  stopRenewing() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Returns an access token that is valid for a while; the old one if renewing fails before it expires. */
  async fresh() {
    const { current } = this;
    if (!current) throw new ParleyError("unauthorized", "You are not signed in.");
    if (Date.now() < current.renewAt) return current.accessToken;
    try {
      return await this.renew(current.accessToken);
    } catch (error) {
      if (this.current && Date.now() < current.endsAt) return current.accessToken;
      throw error;
    }
  }

  /**
   * Returns an access token that replaces `stale`. Concurrent calls share one renewal.
   * @param {string} stale
   */
  async renew(stale) {
    if (this.current?.accessToken === stale) {
      this.#renewing ??= locked(this.#key, () => this.#renew(stale)).finally(() => (this.#renewing = null));
      await this.#renewing;
    }
    const { current } = this;
    if (!current) throw new ParleyError("unauthorized", "You are not signed in.");
    return current.accessToken;
  }

  /** @param {string} stale */
  async #renew(stale) {
    const { current } = this;
    if (!current || current.accessToken !== stale) return;
    const name = `${this.#key}:${current.user?.id}`;
    const used = current.refreshToken;
    const last = await this.#renewals.get(name);
    if (used && last?.used === used) return this.#write(last.signIn);
    try {
      this.save(await this.#renewWith(current));
      await this.#renewals.set(name, { used, signIn: this.current });
    } catch (error) {
      if (error instanceof ParleyError && error.code === "unauthorized") this.clear();
      throw error;
    }
  }
}

/** Returns the claims of a token, or null if it is not a readable JWT. @param {string} token @returns {any} */
export function claimsOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return null;
  }
}

/** Returns the lifetime of a token in ms, from its own claims: the clock of this machine may be wrong. @param {string} token */
function lifeOf(token) {
  const claims = claimsOf(token);
  if (!claims) return 15 * 60_000; // the server says when it has expired
  return (claims.exp - (claims.iat ?? Date.now() / 1000)) * 1000;
}

/** @param {string} name @param {() => Promise<void>} act @returns {Promise<void>} */
async function locked(name, act) {
  const locks = globalThis.navigator?.locks;
  await (locks ? locks.request(`${name}:renew`, act) : act());
}

/** Calls `changed` when another tab signs in, signs out or renews. @param {string} key @param {() => void} changed */
function watchStorage(key, changed) {
  if (typeof document === "undefined") return;
  addEventListener("storage", (event) => (event.key === key || event.key === null) && changed());
}

/** Returns the browser's storage if the page may use it, else storage in memory. @returns {Store} */
export function defaultStorage() {
  try {
    return globalThis.localStorage ?? memoryStorage();
  } catch {
    return memoryStorage(); // storage is blocked: the sign-in ends with the page
  }
}

/** Returns storage that lasts as long as the page. @returns {Store} */
export function memoryStorage() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}
