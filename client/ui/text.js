// Addresses and emoji in texts.

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

const EMOJI = "(?:\\p{Regional_Indicator}{2}|[0-9#*]\\ufe0f?\\u20e3|\\p{Extended_Pictographic}[\\p{Emoji_Modifier}\\u200d\\ufe0f\\u{e0020}-\\u{e007f}\\p{Extended_Pictographic}]*)";
const BIG = new RegExp(`^(?:${EMOJI}\\s*){1,3}$`, "u");

/** Returns true for one to three emoji without other text, which are shown large. */
export const isBigEmoji = (text) => text.length <= 48 && BIG.test(text);
