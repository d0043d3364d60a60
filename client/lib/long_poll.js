/** @import { Link, LinkOptions, Sink } from "./link_types.js" */
import { errorFrom, networkError } from "./errors.js";

/**
 * Long-poll. The cursor of a poll confirms the events of the previous one, so the next poll starts only when all of them
 * are handled.
 * @param {LinkOptions} options @param {Sink} sink @returns {Link}
 */
export function openLongPoll({ url, cursor, fresh, timing, fetch }, sink) {
  let closed = false;
  /** @type {AbortController | undefined} */ let abort;

  /** @param {string | undefined} from @param {number} wait */
  async function poll(from, wait) {
    abort = new AbortController();
    const timer = setTimeout(() => abort?.abort(), wait * 1000 + timing.openMs);
    try {
      const query = new URLSearchParams({ wait: String(wait), ...(from && { cursor: from }) });
      const headers = { Authorization: `Bearer ${await fresh()}` };
      const response = await fetch(`${url}/api/v1/events/poll?${query}`, { headers, signal: abort.signal, cache: "no-store" });
      if (!response.ok) throw await errorFrom(response);
      return await response.json();
    } finally {
      clearTimeout(timer);
    }
  }

  async function run() {
    let from = cursor();
    let first = true;
    while (!closed) {
      const { cursor, events } = await poll(from, first ? 0 : timing.waitSeconds);
      if (closed) return;
      if (first && from) sink.joined(null);
      first = false;
      await Promise.all(events.map(take));
      from = cursor;
    }
  }

  /** @param {{ event: string, data: any, cursor?: string }} frame */
  function take({ event, data, cursor }) {
    return event === "joined" ? sink.joined(data) : sink.event(event, data, cursor);
  }

  run().catch((error) => {
    if (closed) return;
    closed = true;
    sink.ended({ error: networkError(error) });
  });
  const close = () => {
    closed = true;
    abort?.abort();
  };
  return { close, confirms: true };
}
