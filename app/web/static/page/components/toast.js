// Short notes at the edge of the page, also announced to screen readers.

import { h } from "/client/ui/dom.js";
import { sentence } from "/client/ui/words.js";

const SHOWN_MS = 5000;
const MAX_TOASTS = 3;

const region = h("div.toasts", { role: "status", "aria-live": "polite" });
const spoken = h("div.unseen", { "aria-live": "polite" });

export function installToasts() {
  document.body.append(region, spoken);
}

export function toast(text) {
  const shown = h("p.toast", null, text);
  region.append(shown);
  while (region.children.length > MAX_TOASTS) region.firstElementChild.remove();
  setTimeout(() => shown.remove(), SHOWN_MS);
}

export function toastError(error, instead) {
  toast(sentence(error, instead));
}

/** Announces a text only to screen readers: messages that arrive elsewhere. */
export function announce(text) {
  spoken.textContent = text;
}
