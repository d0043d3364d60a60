import { h } from "../lib/dom.js";

export const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

const NAMES = {
  "👍": "thumbs up", "❤️": "heart", "😂": "tears of joy", "😮": "surprised", "😢": "sad", "🙏": "thanks",
};

const ALL = [..."😀😃😄😁😆😅🤣🙂😉😊😇🥰😍😘😋😜🤔🤨😐🙄😏😴😎🥳🤯😭😡😱🤗🫡🤝👋👌✌🤞👏🙌💪🔥✨🎉🎂🌟💯✅❌❓☕🍕🍻🌍🚀🐛💡📌👀"];

export const emojiName = (emoji) => NAMES[emoji] ?? emoji;

/** A row of common emoji; `pick` gets the chosen one. */
export function quickEmoji(pick, mine = []) {
  const one = (emoji) =>
    h("button.emoji", {
      type: "button", role: "menuitemcheckbox", "aria-checked": String(mine.includes(emoji)),
      "aria-label": `React with ${emojiName(emoji)}`, onclick: () => pick(emoji),
    }, emoji);
  return h("div.quick", { role: "group", "aria-label": "Reactions" }, QUICK.map(one));
}

/** A grid of all emoji; `pick` gets the chosen one. */
export function emojiGrid(pick) {
  return h("div.emoji-grid", null, [...QUICK, ...ALL].map((emoji) =>
    h("button.emoji", { type: "button", "aria-label": emojiName(emoji), onclick: () => pick(emoji) }, emoji)));
}
