/**
 * @import { Link, Request } from "./link_types.js"
 * @import { Presence } from "./types.js"
 */
import { withQuery } from "./rest_routes.js";

const MAX_IDS = 500; // per request
const POLL_MS = 30_000;

/**
 * The users whose presence the tabs watch. A WebSocket session gets changes as events; on the other transports the
 * client polls.
 */
export class PresenceWatch {
  /** @type {Map<string, number[]>} by tab */ #tabs = new Map();
  /** @type {Map<number, string>} */ #known = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #request;
  #onChange;

  /** @param {{ request: Request, onChange: (presence: Presence) => void }} options */
  constructor({ request, onChange }) {
    this.#request = request;
    this.#onChange = onChange;
  }

  /** @param {string} tab @param {number[]} userIds everyone this tab watches @param {Link | null} link */
  set(tab, userIds, link) {
    this.#tabs.set(tab, userIds);
    this.subscribe(link);
  }

  /** Subscribes on a new link, or again after the list has grown. @param {Link | null} link */
  subscribe(link) {
    if (!link) return;
    this.stop();
    const chunks = chunked([...new Set([...this.#tabs.values()].flat())]);
    if (link.notify) for (const userIds of chunks) link.notify("presence_subscribe", { userIds });
    else if (chunks.length) this.#timer = setInterval(() => chunks.forEach((ids) => this.#poll(ids)), POLL_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#known.clear();
  }

  /** @param {number[]} userIds */
  async #poll(userIds) {
    const presence = await fetchPresence(this.#request, userIds).catch(() => []); // the next poll tries again
    for (const view of presence) {
      const text = JSON.stringify(view);
      if (this.#known.get(view.userId) !== text) this.#onChange(view);
      this.#known.set(view.userId, text);
    }
  }
}

/** @param {Request} request @param {number[]} userIds @returns {Promise<Presence[]>} */
export async function fetchPresence(request, userIds) {
  const answers = await Promise.all(
    chunked(userIds).map((ids) => request("GET", withQuery("/presence", { userIds: ids.join(",") }))),
  );
  return answers.flatMap((answer) => answer.presence);
}

/** @param {number[]} ids */
function chunked(ids) {
  const chunks = [];
  for (let i = 0; i < ids.length; i += MAX_IDS) chunks.push(ids.slice(i, i + MAX_IDS));
  return chunks;
}
