// The rows of messages.

import { markOf } from "../state/marks.js";
import { avatarOf } from "../ui/avatar.js";
import { h } from "../ui/dom.js";
import { formatted } from "../ui/formatted.js";
import { t } from "../ui/language.js";
import { markIcon } from "../ui/mark.js";
import { isBig, notSent, reactionButtons, rowClasses, timesOf } from "../ui/message_parts.js";
import { noticeRow } from "../ui/message_rows.js";
import { quotedIn, quoteText, systemText } from "../ui/system_text.js";
import { attachments } from "./attachments.js";
import { actsBar, moreButton, stopButton, toggle } from "./message_acts.js";

/**
 * @typedef {{ store: any, conversation: any, timeline: any, jump: (seq: number) => void, picked: string | null,
 *   pick: (id: string | null) => void, write: import("./composer.js").Composer }} Context
 *   `picked`: the message whose bar is open
 */

/** @param {Context} context @param {any} message @param {{ first: boolean, last: boolean }} place */
export function rowOfMessage(context, message, place) {
  return message.kind === "system" ? noticeRow(message, systemText(context.store, message)) : talk(context, message, place);
}

/** @param {Context} context @param {any} message @param {{ first: boolean, last: boolean }} place */
function talk(context, message, place) {
  const { store, conversation } = context;
  const mark = message.senderId === store.me.id ? markOf(message, conversation) : null;
  const sender = store.people.get(message.senderId);
  const names = [message.quoted?.senderId, ...(message.mentions ?? []).slice(0, 20)].filter(Boolean).map((id) => store.people.get(id).displayName).join("\n");
  const deps = [message, context.picked === message.id, context.write.element.hidden, place.first, place.last, mark?.state, mark?.read, sender.displayName, sender.avatarUrl, names];
  return { key: message.id, deps, make: () => row(context, message, place, mark) };
}

/** @param {Context} context @param {any} message @param {{ first: boolean, last: boolean }} place @param {any} mark */
function row(context, message, { first, last }, mark) {
  const { store, conversation } = context;
  const own = message.senderId === store.me.id;
  const other = conversation.kind === "group" && !own ? store.people.get(message.senderId) : null;
  const { client } = store;
  return h("li.message", { class: rowClasses({ own, first, last, mark }), dataset: { id: message.id, seq: message.seq ?? "" } },
    other ? h("span.face", null, last ? avatarOf(other) : null) : null,
    h("div.stack", null,
      bubble(context, message, { name: first ? other : null, mark }),
      reactionButtons(message, (emoji, on) => toggle(store, message, emoji, on)),
      context.picked === message.id ? actsBar(context, message) : null,
      mark?.state === "failed" ? notSent(message, { retry: () => client.retry(message.id), discard: () => client.discard(message.id) }) : null),
    moreButton(context, message));
}

/** @param {Context} context @param {any} message @param {{ name: any, mark: any }} shown */
function bubble(context, message, { name, mark }) {
  const { store } = context;
  return h(isBig(message) ? "div.bubble.big" : "div.bubble", null,
    h("span.unseen", null, `${store.people.name(message.senderId)}: `),
    name ? h("p.sender", { class: `ink-${name.id % 8}`, "aria-hidden": "true" }, name.displayName) : null,
    message.deletedAt ? null : [quote(context, message), attachments(store, message)],
    body(context, message),
    message.streaming ? stopButton(context, message) : null,
    h("span.meta", null, timesOf(message), mark && !message.deletedAt ? markIcon(mark) : null));
}

/** @param {Context} context @param {any} message */
function quote({ store, timeline, jump }, message) {
  const quoted = quotedIn(message, (id) => timeline.find(id));
  if (!quoted) return null;
  return h("button.quote", { type: "button", onclick: () => quoted.seq && jump(quoted.seq) },
    h("span.who", null, store.people.name(quoted.senderId)), h("span.what", { dir: "auto" }, quoteText(quoted)));
}

/** @param {Context} context @param {any} message */
function body({ store, conversation }, message) {
  if (message.deletedAt) return h("p.text.gone", null, t("This message was deleted"));
  if (!message.message) return null;
  const named = new Set(message.local ? conversation.members?.map((/** @type {any} */ one) => one.userId) : message.mentions);
  const isName = (/** @type {string} */ name) => named.has(store.people.byUsername(name)?.id);
  return formatted(message.message, { isName, isMe: (name) => name === store.me.username });
}
