import { h } from "./dom.js";
import { onServer } from "./server.js";
import { safeUrl } from "./text.js";
import { icon } from "./icons.js";

const HUES = 8;

/** Returns the initials of the first and last word of a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toUpperCase() || "?";
}

export const hueOf = (id) => `hue-${Math.abs(Number(id) || 0) % HUES}`;

/**
 * A picture, or initials on a colour that depends on the id. Hidden from screen readers, because the name is always next to it.
 * @param {{id: number, name: string, url?: string, kind?: string, online?: boolean, large?: boolean}} shown
 */
export function avatar({ id, name, url, kind = "person", online = false, large = false }) {
  const face = h("span.avatar", { class: `${hueOf(id)}${large ? " large" : ""}`, "aria-hidden": "true" });
  const letters = kind === "notes" ? icon("pin") : initials(name);
  face.append(letters);
  const address = url ? safeUrl(onServer(url), location.origin) : null;
  if (address) {
    const picture = h("img", { src: address, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
    picture.onerror = () => picture.remove();
    face.append(picture);
  }
  if (online) face.append(h("span.dot"));
  return face;
}

export function avatarOf(user, options = {}) {
  return avatar({ id: user.id, name: user.displayName, url: user.avatarUrl, ...options });
}
