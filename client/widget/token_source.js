// The source of a widget's access tokens: an address of the host, or the page itself.

import { ParleyError, networkError } from "../lib/errors.js";
import { claimsOf } from "../lib/tokens.js";

const WAIT_MS = 20_000; // for a token that the page was asked for

export class TokenSource {
  #url;
  #ask;
  #given = "";
  #used = "";
  /** @type {Set<(token: string) => void>} */ #waiting = new Set();

  /** @param {{ url: string | null, ask: () => void }} options without a `url`, `ask` asks the page for a new token */
  constructor({ url, ask }) {
    this.#url = url;
    this.#ask = ask;
  }

  /** Takes a token from the page. Returns whether a call was waiting for it. @param {string} token */
  give(token) {
    this.#given = token;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve(token);
    return waiting.length > 0;
  }

  /** Returns the first token; waits for the page as long as it takes. */
  async first() {
    return this.#use(this.#url === null ? this.#given || (await this.#wait()) : await this.#fetch(this.#url));
  }

  /** Returns a token that replaces the present one. */
  async next() {
    if (this.#url !== null) return this.#use(await this.#fetch(this.#url));
    if (this.#given && this.#given !== this.#used) return this.#use(this.#given);
    this.#ask();
    return this.#use(await this.#wait(WAIT_MS));
  }

  /** @param {string} token */
  #use(token) {
    return (this.#used = token);
  }

  /** @param {number} [ms] @returns {Promise<string>} */
  #wait(ms) {
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      const end = () => this.#waiting.delete(resolve) && reject(new ParleyError("network", "The page did not provide a new token."));
      if (ms) setTimeout(end, ms);
    });
  }

  /** Fetches a token with the credentials of the page. @param {string} url @returns {Promise<string>} */
  async #fetch(url) {
    /** @type {RequestInit} */
    const init = { credentials: "include", cache: "no-store", headers: { Accept: "application/json" } };
    const answer = await fetch(new URL(url, document.baseURI), init).catch((error) => Promise.reject(networkError(error)));
    if (answer.status === 401 || answer.status === 403) throw new ParleyError("unauthorized", `token-url: ${answer.status}`);
    if (!answer.ok) throw new ParleyError("network", `token-url: ${answer.status}`);
    const { accessToken } = await answer.json().then((body) => body ?? {}, () => ({}));
    if (typeof accessToken !== "string" || !accessToken) throw new ParleyError("invalid", "token-url: no accessToken in the answer");
    return accessToken;
  }
}

/** Returns whose token it is, or null if it cannot be read. @param {string} token */
export function subjectOf(token) {
  const claims = claimsOf(token);
  return claims && String(claims.sub);
}
