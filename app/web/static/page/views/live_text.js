import { h } from "/client/ui/dom.js";

/** A text with people's names that is written again when a name becomes known or changes, until it leaves the page. */
export function liveText({ topics }, write) {
  const element = h("span", null, write());
  const stop = topics.on("people", () => {
    if (!element.isConnected) return stop();
    return (element.textContent = write());
  });
  return element;
}
