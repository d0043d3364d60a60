/** @import { End, Link, LinkOptions, Sink } from "./link_types.js" */
import { ParleyError } from "./errors.js";

/** @param {LinkOptions} options @param {Sink} sink @returns {Link} */
export function openWebSocket({ url, token, deviceId, cursor, timing, WebSocket }, sink) {
  const socket = new WebSocket(url.replace(/^http/, "ws") + "/ws");
  /** @type {Map<string, { resolve: (data: any) => void, reject: (error: ParleyError) => void }>} */
  const waiting = new Map();
  /** @type {ParleyError | undefined} */ let lastError;
  let refs = 0;
  let closed = false;
  let timer = setTimeout(() => end({}), timing.openMs);

  /** @param {string} name @param {any} data @param {string} [ref] */
  const write = (name, data, ref) => socket.send(JSON.stringify({ event: name, data, ref }));

  /** @param {string} name @param {any} data @returns {Promise<any>} */
  function command(name, data) {
    if (closed) return Promise.reject(new ParleyError("network", "The connection was lost."));
    const ref = String(++refs);
    write(name, data, ref);
    return new Promise((resolve, reject) => waiting.set(ref, { resolve, reject }));
  }

  /** Browsers hide WebSocket pings and pongs from scripts, so the client sends its own. */
  function check() {
    clearTimeout(timer);
    timer = setTimeout(() => end({}), timing.pongMs);
    command("ping", {}).then(schedulePing, () => {});
  }

  function schedulePing() {
    clearTimeout(timer);
    timer = setTimeout(check, timing.pingMs);
  }

  /** @param {End} reason */
  function end(reason) {
    if (closed) return;
    stop();
    sink.ended({ error: lastError, ...reason });
  }

  function stop() {
    closed = true;
    clearTimeout(timer);
    for (const { reject } of waiting.values()) reject(new ParleyError("network", "The connection was lost."));
    waiting.clear();
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  socket.onopen = () => {
    command("join", { token, deviceId, cursor: cursor(), ack: "client" }).then(
      (data) => (schedulePing(), sink.joined(data)),
      (error) => (lastError = error),
    );
  };
  socket.onmessage = (/** @type {MessageEvent} */ message) => {
    const { event, data, cursor, ref } = JSON.parse(message.data);
    const pending = waiting.get(ref);
    if (pending) {
      waiting.delete(ref);
      return event === "error" ? pending.reject(ParleyError.from(data)) : pending.resolve(data);
    }
    if (event === "error") lastError = ParleyError.from(data);
    void sink.event(event, data, cursor);
  };
  socket.onclose = (/** @type {CloseEvent} */ event) => end({ code: event.code });
  socket.onerror = () => {}; // a close event follows and says more

  return { close: () => closed || stop(), check, command, notify: (name, data) => closed || write(name, data) };
}
