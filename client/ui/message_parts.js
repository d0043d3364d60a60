// Parts of a message that look the same in the page and in the widget.

import { h } from "./dom.js";
import { number, t } from "./language.js";
import { isBigEmoji } from "./text.js";
import { exactly, timeOfDay } from "./times.js";
import { sentence } from "./words.js";

/** Returns the classes of a message's row. @param {{ own: boolean, first: boolean, last: boolean, mark: any }} shown */
export const rowClasses = ({ own, first, last, mark }) =>
  `${own ? "own" : "theirs"}${first ? " first" : ""}${last ? " last" : ""}${mark?.state === "failed" ? " failed" : ""}`;

/** Returns whether the message is nothing but a few emoji, which are shown large. @param {any} message */
export const isBig = ({ deletedAt, attachments, quoted, message = "" }) => !deletedAt && !attachments?.length && !quoted && isBigEmoji(message);

/** The time of the message, after the note that it was edited. @param {any} message */
export function timesOf({ sentAt, editedAt, deletedAt }) {
  return [
    editedAt && !deletedAt ? h("span", { title: t("Edited {time}", { time: exactly(editedAt) }) }, t("edited")) : null,
    h("time", { datetime: sentAt, title: exactly(sentAt) }, timeOfDay(sentAt)),
  ];
}

/**
 * The reactions, each a button that adds or removes the user's own.
 * @param {any} message @param {(emoji: string, on: boolean) => void} react @param {(emoji: string) => string} [nameOf] for screen readers
 */
export function reactionButtons({ deletedAt, reactions }, react, nameOf = (emoji) => emoji) {
  const shown = deletedAt ? [] : (reactions ?? []);
  if (!shown.length) return null;
  return h("div.reactions", null, shown.map(({ emoji, count, mine }) => {
    const said = { emoji: nameOf(emoji), count: number(count) };
    const words = mine ? t("{emoji}, {count}, including yours", said) : t("{emoji}, {count}", said);
    return h("button.reaction", { type: "button", class: mine ? "mine" : "", "aria-pressed": String(mine), "aria-label": words, onclick: () => react(emoji, !mine) },
      h("span", null, emoji), count > 1 ? h("span.count", null, number(count)) : null);
  }));
}

/** Says why the message was not sent. @param {any} message @param {{ retry: () => void, discard: () => void }} acts */
export function notSent({ error }, { retry, discard }) {
  const why = error ? sentence(error) : t("This message was not sent.");
  return h("div.not-sent", { role: "alert" }, h("span", null, why),
    h("button.link", { type: "button", onclick: () => retry() }, t("Try again")),
    h("button.link", { type: "button", onclick: () => discard() }, t("Delete")));
}
