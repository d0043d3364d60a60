/**
 * @import { UploadOptions } from "./option_types.js"
 * @import { Tokens } from "./tokens.js"
 * @import { Attachment, MediaAddress } from "./types.js"
 */
import { withQuery } from "./rest_routes.js";
import { ParleyError, errorFrom, networkError } from "./errors.js";
import { Lanes, postMedia } from "./upload.js";

const REQUEST_MS = 30_000;
const FORM_MS = 120_000; // carries a file
const MARGIN_MS = 30_000;

/** Calls under /api/v1, with the access token of the current sign-in. */
export class Rest {
  /** @type {Map<string, Promise<MediaAddress>>} */ #mediaUrls = new Map();
  #url;
  #fetch;
  #language;
  #uploads = new Lanes(3); // below the limit of the server, so that another device of the user can upload too
  #tokens;

  /** @param {{ url: string, fetch: typeof fetch, language?: string, tokens: () => Tokens }} options */
  constructor({ url, fetch, language, tokens }) {
    this.#url = `${url}/api/v1`;
    this.#fetch = fetch;
    this.#language = language;
    this.#tokens = tokens;
  }

  /** Renews a rejected token once and tries again. @param {string} method @param {string} path @param {any} [body] */
  async request(method, path, body) {
    return await this.#withToken((token) => this.call(method, path, body, token));
  }

  /** @param {string} method @param {string} path @param {any} [body] FormData, or sent as JSON @param {string} [token] @returns {Promise<any>} */
  async call(method, path, body, token) {
    /** @type {Record<string, string>} */ const headers = {};
    if (this.#language) headers["Accept-Language"] = this.#language;
    if (token) headers.Authorization = `Bearer ${token}`;
    const form = body instanceof FormData;
    if (body !== undefined && !form) headers["Content-Type"] = "application/json";
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), form ? FORM_MS : REQUEST_MS);
    try {
      const init = { method, headers, signal: abort.signal, body: form ? body : JSON.stringify(body) };
      return await parseAnswer(await this.#fetch(this.#url + path, init));
    } catch (error) {
      throw networkError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {Blob} file @param {number} conversationId @param {UploadOptions} options @returns {Promise<Attachment>} */
  async upload(file, conversationId, options) {
    return await this.#uploads.run(() => this.#withToken(async (token) => {
      const to = { url: `${this.#url}/media`, token, fetch: this.#fetch };
      return await parseAnswer(await postMedia(to, file, conversationId, options));
    }));
  }

  /** Downloads a file; large files take long, so there is no timeout. @param {string} path @returns {Promise<Blob>} */
  async download(path) {
    return await this.#withToken(async (token) => {
      try {
        const response = await this.#fetch(this.#url + path, { headers: { Authorization: `Bearer ${token}` } });
        if (!response.ok) throw await errorFrom(response);
        return await response.blob();
      } catch (error) {
        throw networkError(error);
      }
    });
  }

  /** @param {string} mediaId @param {string} [variant] @returns {Promise<MediaAddress>} */
  async mediaUrl(mediaId, variant) {
    const path = withQuery(`/media/${mediaId}/url`, { variant });
    const cached = await this.#mediaUrls.get(path)?.catch(() => undefined);
    if (cached && cached.expiresAt * 1000 - Date.now() > MARGIN_MS) return cached;
    const fetched = this.request("GET", path);
    this.#mediaUrls.set(path, fetched);
    return await fetched;
  }

  /** @param {(token: string) => Promise<any>} act */
  async #withToken(act) {
    const tokens = this.#tokens();
    const token = await tokens.fresh();
    try {
      return await act(token);
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== "unauthorized") throw error;
      return await act(await tokens.renew(token));
    }
  }
}

/** @param {Response} response */
async function parseAnswer(response) {
  if (!response.ok) throw await errorFrom(response);
  if (response.status !== 204) return await response.json().catch((error) => Promise.reject(networkError(error)));
}
