// Puts messages into rows, for `reconcile`: days, the "New messages" line, and runs of one sender.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { dayKey, dayName } from "./times.js";

const RUN_MS = 5 * 60_000;

/** @typedef {{ key: string, deps: any[], make: () => Element }} Row */

/**
 * @param {any[]} messages in order, those without a seq at the end
 * @param {{ conversation: any, me: number, dividerAfter: number | null, beginning: boolean }} options `dividerAfter`: the last
 *   message that was read; `beginning`: the first message of the conversation is among them
 * @param {(message: any, place: { first: boolean, last: boolean }) => Row} row makes the row of a message, by its place in a run
 * @returns {Row[]}
 */
export function rowsOf(messages, { conversation, me, dividerAfter, beginning }, row) {
  const rows = beginning ? [start(conversation)] : [];
  let divided = dividerAfter === null;
  messages.forEach((message, index) => {
    const [before, after] = [messages[index - 1], messages[index + 1]];
    if (!before || dayKey(before.sentAt) !== dayKey(message.sentAt)) rows.push(day(message));
    const divide = !divided && message.seq > (dividerAfter ?? 0) && message.senderId !== me;
    if (divide) rows.push(divider());
    divided ||= divide;
    rows.push(row(message, { first: divide || !sameRun(before, message), last: !sameRun(message, after) }));
  });
  return rows;
}

function sameRun(one, next) {
  if (!one || !next || one.kind === "system" || next.kind === "system" || one.senderId !== next.senderId) return false;
  return Date.parse(next.sentAt) - Date.parse(one.sentAt) < RUN_MS && dayKey(one.sentAt) === dayKey(next.sentAt);
}

function start({ kind }) {
  const words = kind === "group" ? t("This is where the group begins.") : t("This is where your conversation begins.");
  return { key: "start", deps: [words], make: () => h("li.start", null, icon("smile"), h("span", null, words)) };
}

function day({ sentAt }) {
  const name = dayName(sentAt);
  return { key: `day ${dayKey(sentAt)}`, deps: [name], make: () => h("li.day", null, h("span", null, name)) };
}

function divider() {
  return { key: "divider", deps: [], make: () => h("li.divider", null, h("span", null, t("New messages"))) };
}

/** The row of a system message. @param {any} message @param {string} text @returns {Row} */
export function noticeRow({ id, seq }, text) {
  return { key: id, deps: [text], make: () => h("li.notice", { id: `m-${id}`, dataset: { id, seq } }, h("span", { dir: "auto" }, text)) };
}
