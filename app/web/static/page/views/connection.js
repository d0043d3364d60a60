// The connection banner: shown only while there is no connection.

import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";

const problems = () => ({ offline: t("No connection. Your messages will be sent when you're back online."), connecting: t("Connecting…") });
const names = () => ({ websocket: "WebSocket", sse: t("server-sent events"), "long-poll": t("long polling") });
// A new page connects quickly, and a banner that only flashes helps nobody.
const DELAY_MS = 800;

export function connectionLine(store) {
  const line = h("div.connection", { role: "status", "aria-live": "polite" });
  let timer = 0;
  const show = () => {
    const { status } = store.connection;
    fill(line, problems()[status !== "online" && !navigator.onLine ? "offline" : status] ?? null);
  };
  const draw = () => {
    const { status, transport } = store.connection;
    Object.assign(line.dataset, { status, transport: transport ?? "" });
    clearTimeout(timer);
    if (status === "online" || !navigator.onLine) show();
    else timer = setTimeout(show, DELAY_MS);
  };
  store.topics.on("connection", draw);
  draw();
  return line;
}

/** For the settings: "Connected via WebSocket". */
export function connectionWords({ status, transport }) {
  return status === "online" && transport ? t("Connected via {transport}", { transport: names()[transport] ?? transport }) : t("Not connected");
}
