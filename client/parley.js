// @ts-check
/** The public face of the client. */

/** What went wrong: `code` is stable (docs/protocol.md, section 12), `network` where no answer came. */
export class ParleyError extends Error {
  /** @param {string} code @param {string} message @param {Record<string, any>} [more] */
  constructor(code, message, more = {}) {
    super(message);
    this.name = "ParleyError";
    this.code = code;
    /** @type {number | undefined} */ this.status = more.status;
    /** @type {number | undefined} seconds */ this.retryAfter = more.retryAfter;
    /** @type {{ field: string, message: string }[] | undefined} */ this.errors = more.errors;
  }
}

/**
 * @typedef {{ id: number, username: string, displayName: string, avatarUrl?: string | null, lastSeen?: string | null }} User
 * @typedef {{ status: "offline" | "connecting" | "online", transport: "websocket" | "sse" | "long-poll" | null, retryInMs?: number, error?: ParleyError }} State
 * @typedef {{ conversationId?: number, receiverId?: number, message?: string, attachments?: { mediaId: string }[], replyTo?: string, forward?: { id: string, conversationId?: number }, kind?: string }} Outgoing
 */

/** Skeleton: the API of README.md; the implementation follows. */
export class Parley {
  /** @param {Record<string, any>} [options] */
  constructor(options = {}) {
    this.options = options;
    /** @type {User | null} */ this.me = null;
    /** @type {State} */ this.state = { status: "offline", transport: null };
  }
}
