// The emoji that the user chose last, and their skin tone, kept in this browser.

const KEY = "parley.emoji";
const MAX_RECENT = 24;

/** @returns {{recent: string[], tone: string}} */
export function emojiChoices() {
  try {
    const { recent, tone } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const texts = Array.isArray(recent) ? recent.filter((one) => typeof one === "string") : [];
    return { recent: texts.slice(0, MAX_RECENT), tone: typeof tone === "string" ? tone : "" };
  } catch {
    return { recent: [], tone: "" };
  }
}

/** @param {string} emoji */
export function noteEmoji(emoji) {
  const { recent, tone } = emojiChoices();
  keep({ recent: [emoji, ...recent.filter((one) => one !== emoji)].slice(0, MAX_RECENT), tone });
}

/** @param {string} tone empty for none */
export const chooseTone = (tone) => keep({ ...emojiChoices(), tone });

function keep(choices) {
  try {
    localStorage.setItem(KEY, JSON.stringify(choices));
  } catch {
    // If the storage is full or blocked, the choices are forgotten.
  }
}
