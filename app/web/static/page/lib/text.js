// Turns a message's text into nodes with links, mentions and search hits. Text never becomes markup.

import { h } from "./dom.js";

// Only http and https addresses become links, so that no message can make another scheme clickable.
const LINK = /\bhttps?:\/\/[^\s<>"'`]+/giu;
const MENTION = /(?<![\w@])@([a-z0-9_.-]{3,32})/giu;
const PUNCTUATION = /[.,:;!?'"…]$/u;
const CLOSES = { ")": "(", "]": "[", "}": "{" };

/**
 * @param {string} text
 * @param {{isName?: (name: string) => boolean, self?: string}} [known] which names are mentions, and the name of the current user
 * @returns {(string | HTMLElement)[]}
 */
export function richText(text, known = {}) {
  return split(text, LINK, (match) => link(match[0])).flatMap((part) =>
    typeof part === "string" ? split(part, MENTION, (match) => mention(match, known)) : [part],
  );
}

/** Splits the text at each match. `make` returns an element, an array, or null to keep the text. */
function split(text, pattern, make) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    const made = make(match);
    if (made === null) continue;
    if (match.index > from) parts.push(text.slice(from, match.index));
    parts.push(...[made].flat());
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

function link(found) {
  const address = trimmed(found);
  const url = safeUrl(address);
  if (url === null) return null;
  const anchor = h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, address);
  return address === found ? [anchor] : [anchor, found.slice(address.length)];
}

/** Removes the punctuation after an address. A bracket that opens inside the address stays: Wikipedia's addresses end so. */
function trimmed(text) {
  const last = text.at(-1);
  const count = (sign) => text.split(sign).length;
  const outside = last in CLOSES && count(last) > count(CLOSES[last]);
  return outside || PUNCTUATION.test(text) ? trimmed(text.slice(0, -1)) : text;
}

/**
 * Returns the address if it is a valid http or https URL, else null. A user name in it could only deceive, so it is refused.
 * @param {string} text @param {string} [base] of a relative address; without one, relative addresses are refused
 */
export function safeUrl(text, base) {
  try {
    const url = new URL(text, base);
    const plain = (url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password;
    return plain ? url.href : null;
  } catch {
    return null; // not a valid address, so it stays text
  }
}

/** @param {RegExpMatchArray} match @param {{isName?: (name: string) => boolean, self?: string}} known */
function mention(match, { isName, self }) {
  const name = match[1].toLowerCase();
  if (name !== "all" && !isName?.(name)) return null;
  return h(name === self || name === "all" ? "span.mention.me" : "span.mention", null, match[0]);
}

/** Marks the hits of a search in its snippet. `highlights` are [start, length] in code points. */
export function highlighted(snippet, highlights = []) {
  const points = [...snippet];
  const parts = [];
  let from = 0;
  for (const [start, length] of highlights) {
    parts.push(points.slice(from, start).join(""), h("mark", null, points.slice(start, start + length).join("")));
    from = start + length;
  }
  return [...parts, points.slice(from).join("")];
}

/** Returns true for one to three emoji without other text, which are shown large. */
export function isBigEmoji(text) {
  return text.length <= 24 && /^(?:\p{Extended_Pictographic}[\p{Emoji_Modifier}\u200d\ufe0f\p{Extended_Pictographic}]*\s*){1,3}$/u.test(text);
}
