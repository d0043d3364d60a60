/** @import { MessageAppend } from "./types.js" */
// Messages that grow (docs/protocol.md, section 16). The server counts characters as Unicode code points.

/** Returns the number of code points. @param {string} text */
export const lengthOf = (text) => [...text].length;

/** @param {any} message */
const lengthNow = ({ message = "", length }) => length ?? lengthOf(message);

/**
 * Returns the message with the text that `message_append` adds: the same object if it has that text already, null if something
 * before the text is missing; the caller then reads the message again.
 * @template {{ message?: string, length?: number }} M @param {M} message @param {MessageAppend} append @returns {M | null}
 */
export function grown(message, { from, text }) {
  const length = lengthNow(message);
  if (from > length) return null;
  const more = [...text].slice(length - from);
  return more.length ? { ...message, message: (message.message ?? "") + more.join(""), length: length + more.length } : message;
}

/**
 * Returns `next` with the longer of the two texts, because a page of the history may be older than the latest events.
 * @template {{ streaming?: true, message?: string, length?: number }} M @param {M | undefined} old @param {M} next @returns {M}
 */
export function longer(old, next) {
  if (!old?.streaming || !next.streaming || lengthNow(old) <= lengthNow(next)) return next;
  return { ...next, message: old.message, length: old.length };
}
