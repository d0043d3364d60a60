// Whether there is a connection: a line over everything, and only where something is amiss.

import { fill, h } from "../lib/dom.js";

const AMISS = { offline: "No connection. What you write is sent once it is back.", connecting: "Connecting…" };
const NAMES = { websocket: "WebSocket", sse: "an event stream", "long-poll": "polling" };
// A page that opens connects within a blink: that is not worth a line that flashes.
const PATIENCE_MS = 800;

export function connectionLine(store) {
  const line = h("div.connection", { role: "status", "aria-live": "polite" });
  let timer = 0;
  const show = () => {
    const { status } = store.connection;
    fill(line, AMISS[status] ?? null);
  };
  const draw = () => {
    const { status, transport } = store.connection;
    Object.assign(line.dataset, { status, transport: transport ?? "" });
    clearTimeout(timer);
    if (status === "online") show();
    else timer = setTimeout(show, PATIENCE_MS);
  };
  store.topics.on("connection", draw);
  draw();
  return line;
}

/** For the settings: "Connected by WebSocket". */
export function connectionWords({ status, transport }) {
  return status === "online" && transport ? `Connected by ${NAMES[transport] ?? transport}` : "Not connected";
}
