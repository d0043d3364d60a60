import { fill, h } from "../ui/dom.js";
import { t } from "../ui/language.js";

const DELAY_MS = 800; // most connections come back sooner

/** A line that is shown only while there is no connection. @param {any} store */
export function connectionLine(store) {
  const element = h("div.connection", { role: "status" });
  let timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  const show = () => fill(element, navigator.onLine ? t("Connecting…") : t("No connection. Your messages will be sent when you're back online."));
  const draw = () => {
    clearTimeout(timer);
    if (store.connection.status === "online") fill(element);
    else timer = setTimeout(show, DELAY_MS);
  };
  const off = store.topics.on("connection", draw);
  draw();
  return { element, end: () => (clearTimeout(timer), off()) };
}
