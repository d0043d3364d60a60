/** @import { End, Link, LinkOptions, Sink } from "./link_types.js" */
import { ParleyError, errorFrom, networkError } from "./errors.js";

/**
 * Server-sent events, read with `fetch`. EventSource cannot send a token, does not say why it failed, and reconnects
 * with a ticket that has already been used.
 *
 * A buffering proxy holds everything back, so the link ends if the first event is late or the comment lines stop.
 * @param {LinkOptions} options @param {Sink} sink @returns {Link}
 */
export function openSse({ url, token, cursor, timing, fetch }, sink) {
  const abort = new AbortController();
  let closed = false;
  let timer = setTimeout(() => end({}), timing.firstByteMs);

  /** @param {End} reason */
  function end(reason) {
    if (closed) return;
    stop();
    sink.ended(reason);
  }

  function stop() {
    closed = true;
    clearTimeout(timer);
    abort.abort();
  }

  function resetTimer() {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => end({}), timing.silenceMs);
  }

  /** @param {string} name @param {any} data @param {string} id */
  function take(name, data, id) {
    if (closed) return;
    if (name === "joined") sink.joined(data);
    else if (name === "error") end({ error: ParleyError.from(data) });
    else void sink.event(name, data, id || undefined);
  }

  async function read() {
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
    const from = cursor();
    if (from) headers["Last-Event-ID"] = from;
    const response = await fetch(`${url}/api/v1/events`, { headers, signal: abort.signal, cache: "no-store" });
    if (!response.ok || !response.body) throw await errorFrom(response);
    const reader = response.body.getReader();
    const feed = eventParser(take);
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      resetTimer();
      feed(decoder.decode(value, { stream: true }));
    }
  }

  read().then(() => end({}), (error) => end({ error: networkError(error) }));
  return { close: () => closed || stop() };
}

/**
 * Parses an event stream (WHATWG HTML, section 9.2.6), as far as this server uses the format.
 * @param {(name: string, data: any, id: string) => void} take
 * @returns {(text: string) => void}
 */
export function eventParser(take) {
  let rest = "";
  /** @type {Record<string, string>} */ let fields = {};

  return (text) => {
    const lines = (rest + text).split("\n");
    rest = /** @type {string} */ (lines.pop());
    for (const line of lines) {
      const [, name, value] = line.match(/^(.*?): ?(.*)/) ?? [];
      if (line) fields[name] = value;
      else {
        if (fields.data) take(fields.event, JSON.parse(fields.data), fields.id ?? "");
        fields = {};
      }
    }
  };
}
