// Turns messages into rows: days, the "New messages" line, runs of one sender, messages.

import { markOf } from "../state/marks.js";
import { avatarOf } from "../ui/avatar.js";
import { h } from "../ui/dom.js";
import { formatted } from "../ui/formatted.js";
import { icon } from "../ui/icons.js";
import { number, t } from "../ui/language.js";
import { markIcon } from "../ui/mark.js";
import { quotedIn, quoteText } from "../ui/quotes.js";
import { systemText } from "../ui/system_text.js";
import { isBigEmoji } from "../ui/text.js";
import { dayKey, dayName, exactly, timeOfDay } from "../ui/times.js";
import { sentence } from "../ui/words.js";
import { attachments } from "./attachments.js";
import { actsBar, moreButton, stopButton, toggle } from "./message_acts.js";

const RUN_MS = 5 * 60_000;

/**
 * @typedef {{ store: any, conversation: any, timeline: any, jump: (seq: number) => void, picked: string | null,
 *   pick: (id: string | null) => void, write: import("./composer.js").Composer }} Context
 *   `picked`: the message whose bar is open
 */

/**
 * @param {Context} context @param {any[]} messages in order, those without a seq at the end
 * @param {{ dividerAfter: number | null, beginning: boolean }} options
 */
export function rowsOf(context, messages, { dividerAfter, beginning }) {
  const { store } = context;
  const rows = beginning ? [start(context)] : [];
  let divided = dividerAfter === null;
  messages.forEach((message, index) => {
    const [before, after] = [messages[index - 1], messages[index + 1]];
    const newDay = !before || dayKey(before.sentAt) !== dayKey(message.sentAt);
    if (newDay) rows.push(day(message));
    const divide = !divided && message.seq > (dividerAfter ?? 0) && message.senderId !== store.me.id;
    if (divide) rows.push({ key: "divider", deps: [], make: () => h("li.divider", null, h("span", null, t("New messages"))) });
    divided ||= divide;
    const first = newDay || divide || !sameRun(before, message);
    rows.push(message.kind === "system" ? notice(store, message) : talk(context, message, { first, last: !sameRun(message, after) }));
  });
  return rows;
}

/** @param {any} one @param {any} next */
function sameRun(one, next) {
  if (!one || !next || one.kind === "system" || next.kind === "system" || one.senderId !== next.senderId) return false;
  return Date.parse(next.sentAt) - Date.parse(one.sentAt) < RUN_MS && dayKey(one.sentAt) === dayKey(next.sentAt);
}

/** @param {Context} context */
function start({ conversation }) {
  const words = conversation.kind === "group" ? t("This is where the group begins.") : t("This is where your conversation begins.");
  return { key: "start", deps: [words], make: () => h("li.start", null, icon("smile"), h("span", null, words)) };
}

/** @param {any} message */
function day(message) {
  const name = dayName(message.sentAt);
  return { key: `day ${dayKey(message.sentAt)}`, deps: [name], make: () => h("li.day", null, h("span", null, name)) };
}

/** @param {any} store @param {any} message */
function notice(store, message) {
  const text = systemText(store, message);
  return { key: message.id, deps: [text], make: () => h("li.notice", { dataset: { seq: message.seq } }, h("span", { dir: "auto" }, text)) };
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
  const kinds = `${own ? "own" : "theirs"}${first ? " first" : ""}${last ? " last" : ""}${mark?.state === "failed" ? " failed" : ""}`;
  return h("li.message", { class: kinds, dataset: { id: message.id, seq: message.seq ?? "" } },
    other ? h("span.face", null, last ? avatarOf(other) : null) : null,
    h("div.stack", null,
      bubble(context, message, { name: first ? other : null, mark }),
      reactions(store, message),
      context.picked === message.id ? actsBar(context, message) : null,
      mark?.state === "failed" ? failed(store, message) : null),
    moreButton(context, message));
}

/** @param {Context} context @param {any} message @param {{ name: any, mark: any }} shown */
function bubble(context, message, { name, mark }) {
  const { store } = context;
  const big = !message.deletedAt && !message.attachments?.length && !message.quoted && isBigEmoji(message.message ?? "");
  return h(big ? "div.bubble.big" : "div.bubble", null,
    h("span.unseen", null, `${store.people.name(message.senderId)}: `),
    name ? h("p.sender", { class: `ink-${name.id % 8}`, "aria-hidden": "true" }, name.displayName) : null,
    message.deletedAt ? null : [quote(context, message), attachments(store, message)],
    body(context, message),
    message.streaming ? stopButton(context, message) : null,
    h("span.meta", null,
      message.editedAt && !message.deletedAt ? h("span", { title: t("Edited {time}", { time: exactly(message.editedAt) }) }, t("edited")) : null,
      h("time", { datetime: message.sentAt, title: exactly(message.sentAt) }, timeOfDay(message.sentAt)),
      mark && !message.deletedAt ? markIcon(mark) : null));
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

/** @param {any} store @param {any} message */
function reactions(store, message) {
  const shown = message.deletedAt ? [] : (message.reactions ?? []);
  if (!shown.length) return null;
  return h("div.reactions", null, shown.map((/** @type {any} */ { emoji, count, mine }) => {
    const said = { emoji, count: number(count) };
    const words = mine ? t("{emoji}, {count}, including yours", said) : t("{emoji}, {count}", said);
    return h("button.reaction", { type: "button", class: mine ? "mine" : "", "aria-pressed": String(mine), "aria-label": words, onclick: () => toggle(store, message, emoji, !mine) },
      h("span", null, emoji), count > 1 ? h("span.count", null, number(count)) : null);
  }));
}

/** @param {any} store @param {any} message */
function failed(store, message) {
  const why = message.error ? sentence(message.error) : t("This message was not sent.");
  return h("div.not-sent", { role: "alert" }, h("span", null, why),
    h("button.link", { type: "button", onclick: () => store.client.retry(message.id) }, t("Try again")),
    h("button.link", { type: "button", onclick: () => store.client.discard(message.id) }, t("Delete")));
}
