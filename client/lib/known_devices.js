/** @import { Store } from "./option_types.js" */

const MAX_USERS = 5;

/**
 * The device tokens of the users who last signed in here. They outlive a sign-in: with its token, a user can sign in
 * here while somebody else tries wrong passwords.
 */
export class KnownDevices {
  #key;
  #storage;

  /** @param {string} key @param {Store} storage */
  constructor(key, storage) {
    this.#key = `${key}:devices`;
    this.#storage = storage;
  }

  /** @param {string} username @returns {string | undefined} */
  tokenFor(username) {
    return this.#read().find(([name]) => name === username.toLowerCase())?.[1];
  }

  /** @param {string | undefined} username @param {string | undefined} token */
  keep(username, token) {
    if (!username || !token) return;
    const others = this.#read().filter(([name]) => name !== username);
    this.#storage.setItem(this.#key, JSON.stringify([[username, token], ...others].slice(0, MAX_USERS)));
  }

  /** @returns {[string, string][]} the last one first */
  #read() {
    return JSON.parse(this.#storage.getItem(this.#key) ?? "[]");
  }
}
