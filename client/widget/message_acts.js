// The actions on a message. Their bar opens below the message, for one message at a time.

import { ownReactions, react } from "../state/reactions.js";
import { iconButton } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/language.js";

const QUICK = ["👍", "❤️", "😂", "😮", "🙏"];

/** @import { Context } from "./message_rows.js" */

/** The button that opens the bar, or null if nothing can be done with the message. @param {Context} context @param {any} message */
export function moreButton({ picked, pick, write }, message) {
  if (!message.seq || message.deletedAt || write.element.hidden) return null;
  const open = picked === message.id;
  return iconButton("more", t("More"), () => pick(open ? null : message.id), { class: "more", "aria-expanded": String(open) });
}

/** @param {Context} context @param {any} message */
export function actsBar({ store, pick, write }, message) {
  const own = message.senderId === store.me.id;
  const fresh = own && Date.now() - Date.parse(message.sentAt) < 1000 * (store.client.limits?.editSeconds ?? Infinity);
  const mine = ownReactions(message);
  const done = (/** @type {() => any} */ act) => () => (pick(null), act());
  const remove = done(() => store.client.remove(message.id, "everyone", message.conversationId).catch(write.showError));
  const sure = h("button.link", { type: "button", onclick: remove }, t("Delete for everyone"));
  const ask = (/** @type {any} */ event) => (event.currentTarget.replaceWith(sure), sure.focus());
  return h("div.acts", { role: "group", onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (event.preventDefault(), pick(null)) },
    QUICK.map((emoji) => h("button.quick", {
      type: "button", "aria-label": t("React with {emoji}", { emoji }), "aria-pressed": String(mine.includes(emoji)),
      onclick: done(() => toggle(store, message, emoji, !mine.includes(emoji))),
    }, emoji)),
    iconButton("reply", t("Reply"), done(() => write.reply(message))),
    fresh && message.message && !message.streaming ? iconButton("edit", t("Edit"), done(() => write.edit(message))) : null,
    fresh ? iconButton("trash", t("Delete for everyone"), ask) : null);
}

/** Ends a message that is still growing. @param {Context} context @param {any} message */
export const stopButton = ({ store, write }, message) =>
  h("button.link", { type: "button", onclick: () => store.client.stopStream(message.id, message.conversationId).catch(write.showError) }, t("Stop writing"));

/** A reaction that the server refuses only disappears again. @param {any} store @param {any} message @param {string} emoji @param {boolean} on */
export const toggle = (store, message, emoji, on) => react(store, message, emoji, on).catch(() => undefined);
