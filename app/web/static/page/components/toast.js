// Short words at the edge: what was done, or why not. Screen readers are told as well.

import { h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";

const SHOWN_MS = 5000;
const MOST = 3;

const region = h("div.toasts", { role: "status", "aria-live": "polite" });
const spoken = h("div.unseen", { "aria-live": "polite" });

export function installToasts() {
  document.body.append(region, spoken);
}

export function toast(text) {
  const shown = h("p.toast", null, text);
  region.append(shown);
  while (region.children.length > MOST) region.firstElementChild.remove();
  setTimeout(() => shown.remove(), SHOWN_MS);
}

export function toastError(error, instead) {
  toast(sentence(error, instead));
}

/** For screen readers alone: what came while they were elsewhere on the page. */
export function announce(text) {
  spoken.textContent = text;
}
