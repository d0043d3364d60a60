/**
 * What a browser says that matters to a connection.
 * @param {{ nudge: () => void, freeze: () => void, thaw: () => void, clicked: (data: import("./types.js").EventMap["open_conversation"]) => void }} on `freeze`: the
 *   page is put away, to be taken out again perhaps (`thaw`); `clicked`: a notification
 * @returns {() => void} stops listening
 */
export function watchPlatform({ nudge, freeze, thaw, clicked }) {
  if (typeof document === "undefined") return () => {};

  /** @param {any} event */
  function happened({ type, persisted, data }) {
    if (type === "message") data?.type === "open_conversation" && clicked(data);
    else if (type === "pagehide") persisted && freeze();
    else if (type === "pageshow") persisted && thaw();
    else if (type !== "visibilitychange" || document.visibilityState === "visible") nudge();
  }

  /** @param {"addEventListener" | "removeEventListener"} act */
  function listen(act) {
    for (const name of ["online", "offline", "pagehide", "pageshow"]) globalThis[act](name, happened);
    document[act]("visibilitychange", happened);
    navigator.serviceWorker?.[act]("message", happened);
  }

  listen("addEventListener");
  return () => listen("removeEventListener");
}
