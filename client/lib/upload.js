/** @import { UploadOptions } from "./option_types.js" */
import { ParleyError, networkError } from "./errors.js";

/** Runs a few tasks at a time; the others wait for their turn. */
export class Lanes {
  #free;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {number} count */
  constructor(count) {
    this.#free = count;
  }

  /** @template T @param {() => Promise<T>} task @returns {Promise<T>} */
  async run(task) {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(() => resolve(null)));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}

/**
 * `POST /media`, with progress if the platform has XMLHttpRequest; `fetch` reports no upload progress.
 * @param {{ url: string, token: string, fetch: typeof fetch }} to
 * @param {Blob} file @param {number} conversationId @param {UploadOptions} options
 * @returns {Promise<Response>}
 */
export async function postMedia({ url, token, fetch }, file, conversationId, { onProgress, signal, filename }) {
  const form = new FormData();
  form.append("conversationId", String(conversationId));
  form.append("file", file, filename ?? /** @type {File} */ (file).name ?? "file");
  if (typeof XMLHttpRequest === "undefined") {
    const init = { method: "POST", body: form, signal, headers: { Authorization: `Bearer ${token}` } };
    return await fetch(url, init).catch((error) => Promise.reject(networkError(error)));
  }
  return await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onload = () => resolve(new Response(request.responseText, { status: request.status }));
    request.onerror = () => reject(new ParleyError("network"));
    request.onabort = () => reject(signal?.reason ?? new ParleyError("network"));
    signal?.addEventListener("abort", () => request.abort());
    if (signal?.aborted) reject(signal.reason);
    else request.send(form);
  });
}
