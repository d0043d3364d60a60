import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { later } from "./later.js";

export const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

const names = () => ({
  "👍": t("thumbs up"), "❤️": t("heart"), "😂": t("tears of joy"), "😮": t("surprised"), "😢": t("sad"), "🙏": t("thanks"),
});

export const emojiName = (emoji) => names()[emoji] ?? emoji;

/** A row of common emoji; `pick` gets the chosen one. */
export function quickEmoji(pick, mine = []) {
  const one = (emoji) =>
    h("button.emoji", {
      type: "button", role: "menuitemcheckbox", "aria-checked": String(mine.includes(emoji)),
      "aria-label": t("React with {emoji}", { emoji: emojiName(emoji) }), onclick: () => pick(emoji),
    }, emoji);
  return h("div.quick", { role: "group", "aria-label": t("Reactions") }, QUICK.map(one));
}

/** Lets the user choose any emoji. Resolves with it, or undefined. @param {string} title @returns {Promise<string | undefined>} */
export const pickEmoji = (title) => later(import("../emoji/picker.js"), ({ openPicker }) => openPicker(title));
