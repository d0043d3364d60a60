/**
 * Watches the browser events that matter to a connection.
 * @param {{ nudge: () => void, cut: () => void, freeze: () => void, thaw: () => void, clicked: (data: import("./types.js").EventMap["open_conversation"]) => void }} on `nudge`: the network
 *   changed, or the user came back; `cut`: the device has lost its network; `freeze`: the page goes into the back/forward cache, and may
 *   come back (`thaw`); `clicked`: a notification was clicked
 * @returns {() => void} stops watching
 */
export function watchPlatform({ nudge, cut, freeze, thaw, clicked }) {
  if (typeof document === "undefined") return () => {};

  /** @param {any} event */
  function onEvent({ type, persisted, data }) {
    if (type === "message") data?.type === "open_conversation" && clicked(data);
    else if (type === "offline") cut();
    else if (type === "pagehide") persisted && freeze();
    else if (type === "pageshow") persisted && thaw();
    else if (type !== "visibilitychange" || document.visibilityState === "visible") nudge();
  }

  /** @param {"addEventListener" | "removeEventListener"} act */
  function listen(act) {
    for (const name of ["online", "offline", "pagehide", "pageshow"]) globalThis[act](name, onEvent);
    document[act]("visibilitychange", onEvent);
    navigator.serviceWorker?.[act]("message", onEvent);
  }

  listen("addEventListener");
  return () => listen("removeEventListener");
}
