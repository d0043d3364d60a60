/** A failed call. `code` is stable (docs/protocol.md, section 12); it is `network` if there was no answer. */
export class ParleyError extends Error {
  /**
   * @param {string} code
   * @param {string} [message] for developers
   * @param {{ status?: number, retryAfter?: number, errors?: { field: string, message: string }[], challenge?: string }} [more]
   */
  constructor(code, message = code, more = {}) {
    super(message);
    this.name = "ParleyError";
    this.code = code;
    this.status = more.status;
    /** Seconds. */
    this.retryAfter = more.retryAfter;
    this.errors = more.errors;
    /** With `second_factor_required`: give it to `loginWithCode`. */
    this.challenge = more.challenge;
  }

  /** True if the same request may succeed later. `unauthorized` counts, because a fresh token fixes it. */
  get retryable() {
    return ["network", "rate_limited", "overloaded", "internal", "unauthorized"].includes(this.code);
  }

  /** From the data of an `error` event or a problem document. @param {any} data */
  static from(data) {
    return new ParleyError(data.code || "internal", data.message || data.detail || data.title, data);
  }
}

/** @param {unknown} cause @returns {ParleyError} */
export function networkError(cause) {
  return cause instanceof ParleyError ? cause : new ParleyError("network", String(cause));
}

/** Returns the error that a non-2xx response describes. @param {Response} response */
export async function errorFrom(response) {
  const problem = await response.json().catch(() => ({}));
  const retryAfter = problem.retryAfter ?? (Number(response.headers.get("Retry-After")) || undefined);
  const code = problem.code || (response.status >= 500 ? "overloaded" : `http_${response.status}`);
  return ParleyError.from({ ...problem, code, retryAfter, status: response.status });
}
