/** @import { End, Link, LinkOptions, Sink } from "./link_types.js" */
import { ParleyError, errorOf, networkError } from "./errors.js";

/**
 * Server-sent events, read by `fetch`: EventSource can neither send a token nor tell why it failed, and comes back
 * with a ticket that is used up.
 *
 * A proxy that buffers lets nothing through: where the first event is late, or the comment lines stop, the link ends.
 * @param {LinkOptions} options @param {Sink} sink @returns {Link}
 */
export function openSse({ url, token, cursor, timing, fetch }, sink) {
  const abort = new AbortController();
  let over = false;
  let timer = setTimeout(() => end({}), timing.firstByteMs);

  /** @param {End} reason */
  function end(reason) {
    if (over) return;
    stop();
    sink.ended(reason);
  }

  function stop() {
    over = true;
    clearTimeout(timer);
    abort.abort();
  }

  function alive() {
    clearTimeout(timer);
    if (!over) timer = setTimeout(() => end({}), timing.silenceMs);
  }

  /** @param {string} name @param {any} data @param {string} id */
  function take(name, data, id) {
    if (over) return;
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
    if (!response.ok || !response.body) throw await errorOf(response);
    const reader = response.body.getReader();
    const feed = lines(take);
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      feed(decoder.decode(value, { stream: true }));
    }
  }

  read().then(() => end({}), (error) => end({ error: networkError(error) }));
  return { close: () => over || stop() };
}

/**
 * The parser of an event stream (WHATWG HTML, section 9.2.6), as far as this server uses it.
 * @param {(name: string, data: any, id: string) => void} take
 * @returns {(text: string) => void}
 */
export function lines(take) {
  let rest = "";
  let name = "";
  let data = "";
  let id = "";

  /** @param {string} line */
  function field(line) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).replace(/^ /, "");
    const key = line.slice(0, colon);
    if (key === "event") name = value;
    else if (key === "data") data += value;
    else if (key === "id") id = value;
  }

  return (text) => {
    const whole = (rest + text).split("\n");
    rest = /** @type {string} */ (whole.pop());
    for (const line of whole) {
      if (line) field(line);
      else {
        if (data) take(name, JSON.parse(data), id);
        name = data = id = "";
      }
    }
  };
}
