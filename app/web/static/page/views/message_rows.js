// Turns messages into rows: days, the "New messages" line, runs of one sender, messages.

import { icon } from "/client/ui/icons.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { dayKey, dayName } from "/client/ui/times.js";
import { markOf } from "/client/state/marks.js";
import { foldedRow } from "./folds.js";
import { messageRow } from "./message_row.js";
import { quotedIn } from "/client/ui/quotes.js";
import { systemText } from "/client/ui/system_text.js";

const RUN_MS = 5 * 60_000;
const MAX_NAMES = 100; // of mentioned people; a message to all who are online may mention many more

/**
 * @param {any} context {store, conversation, actions, findMessage}
 * @param {any[]} messages in order, those without a seq at the end
 * @param {{dividerAfter: number | null, beginning: boolean}} options
 */
export function rowsOf(context, messages, { dividerAfter, beginning }) {
  const rows = beginning ? [start(context)] : [];
  let divided = dividerAfter === null;
  messages.forEach((message, index) => {
    const [before, after] = [messages[index - 1], messages[index + 1]];
    const newDay = !before || dayKey(before.sentAt) !== dayKey(message.sentAt);
    if (newDay) rows.push(day(message));
    const divide = !divided && message.seq > dividerAfter && message.senderId !== context.store.me.id;
    if (divide) rows.push(divider());
    divided ||= divide;
    const first = newDay || divide || !sameRun(before, message);
    const last = !sameRun(message, after) || dayKey(after.sentAt) !== dayKey(message.sentAt);
    rows.push(oneRow(context, message, { first, last }));
  });
  return rows;
}

function oneRow(context, message, place) {
  if (message.kind === "system") return system(context, message);
  if (!context.folds.has(context.conversation, message)) return talk(context, message, place);
  return { key: message.id, deps: ["folded"], make: () => foldedRow(message, context.folds.open) };
}

function sameRun(one, next) {
  if (!one || !next || one.kind === "system" || next.kind === "system") return false;
  return one.senderId === next.senderId && Date.parse(next.sentAt) - Date.parse(one.sentAt) < RUN_MS;
}

function talk(context, message, { first, last }) {
  const { store, conversation } = context;
  const mark = message.senderId === store.me.id ? markOf(message, conversation) : null;
  const named = [message.senderId, ...(message.mentions ?? []).slice(0, MAX_NAMES), message.quoted?.senderId, message.forwarded?.senderId];
  const names = named.filter(Boolean).map((id) => store.people.get(id).displayName).join("\n");
  const deps = [message, first, last, mark?.state, mark?.read, mark?.delivered, names, last && store.people.get(message.senderId).avatarUrl,
    quoteIsFolded(context, message)];
  return { key: message.id, deps, make: () => messageRow(context, message, { first, last, mark }) };
}

function quoteIsFolded({ conversation, folds, findMessage }, message) {
  const quoted = quotedIn(message, findMessage);
  return Boolean(quoted) && folds.has(conversation, { ...quoted, id: message.replyTo });
}

function system({ store }, message) {
  const text = systemText(store, message);
  const make = () => h("li.notice", { id: `m-${message.id}`, dataset: { id: message.id, seq: message.seq } }, h("span", null, text));
  return { key: message.id, deps: [text], make };
}

function day(message) {
  const name = dayName(message.sentAt);
  return { key: `day ${dayKey(message.sentAt)}`, deps: [name], make: () => h("li.day", null, h("span", null, name)) };
}

function divider() {
  return { key: "divider", deps: [], make: () => h("li.divider", null, h("span", null, t("New messages"))) };
}

function start({ conversation }) {
  const words = conversation.kind === "group" ? t("This is where the group begins.") : t("This is where your conversation begins.");
  return { key: "start", deps: [words], make: () => h("li.start", null, icon("smile"), h("span", null, words)) };
}
