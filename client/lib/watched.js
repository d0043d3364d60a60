/**
 * @import { Link, Request } from "./link_types.js"
 * @import { Presence } from "./types.js"
 */
import { within } from "./commands.js";

const MOST_AT_ONCE = 500;
const ASK_EVERY_MS = 30_000;

/**
 * Whose presence the tabs want to see. A WebSocket session is told of changes; on the other transports the client asks
 * now and then.
 */
export class Watched {
  /** @type {Map<string, number[]>} by tab */ #tabs = new Map();
  /** @type {Map<number, string>} */ #known = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #request;
  #tell;

  /** @param {{ request: Request, tell: (view: Presence) => void }} options */
  constructor({ request, tell }) {
    this.#request = request;
    this.#tell = tell;
  }

  /** @param {string} tab @param {number[]} userIds all that this tab watches */
  set(tab, userIds) {
    this.#tabs.set(tab, userIds);
  }

  /** Begin on a new link, or again after the list has grown. @param {Link} link */
  begin(link) {
    this.stop();
    const chunks = chunked([...new Set([...this.#tabs.values()].flat())]);
    if (link.tell) for (const userIds of chunks) link.tell("presence_subscribe", { userIds });
    else if (chunks.length) this.#timer = setInterval(() => chunks.forEach((ids) => this.#ask(ids)), ASK_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#known.clear();
  }

  /** @param {number[]} userIds */
  async #ask(userIds) {
    const presence = await askPresence(this.#request, userIds).catch(() => []); // asked again in a while
    for (const view of presence) {
      const text = JSON.stringify(view);
      if (this.#known.get(view.userId) !== text) this.#tell(view);
      this.#known.set(view.userId, text);
    }
  }
}

/** @param {Request} request @param {number[]} userIds @returns {Promise<Presence[]>} */
export async function askPresence(request, userIds) {
  const answers = await Promise.all(
    chunked(userIds).map((ids) => request("GET", within("/presence", { userIds: ids.join(",") }))),
  );
  return answers.flatMap((answer) => answer.presence);
}

/** @param {number[]} ids */
function chunked(ids) {
  const chunks = [];
  for (let begin = 0; begin < ids.length; begin += MOST_AT_ONCE) chunks.push(ids.slice(begin, begin + MOST_AT_ONCE));
  return chunks;
}
