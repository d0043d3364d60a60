// Addresses, the hits of a search, and emoji in texts. Text never becomes markup.

import { h } from "./dom.js";

/**
 * Returns the address if it is a valid http or https URL, else null. An address with a user name is refused, because that could only deceive.
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

const EMOJI = "(?:\\p{Regional_Indicator}{2}|[0-9#*]\\ufe0f?\\u20e3|\\p{Extended_Pictographic}[\\p{Emoji_Modifier}\\u200d\\ufe0f\\u{e0020}-\\u{e007f}\\p{Extended_Pictographic}]*)";
const BIG = new RegExp(`^(?:${EMOJI}\\s*){1,3}$`, "u");

/** Returns true for one to three emoji without other text, which are shown large. */
export const isBigEmoji = (text) => text.length <= 48 && BIG.test(text);
