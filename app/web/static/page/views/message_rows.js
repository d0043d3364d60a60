// The rows of messages. Rows are drawn again if something that they show has changed.

import { markOf } from "/client/state/marks.js";
import { noticeRow } from "/client/ui/message_rows.js";
import { quotedIn, systemText } from "/client/ui/system_text.js";
import { foldedRow } from "./folds.js";
import { messageRow } from "./message_row.js";

const MAX_NAMES = 100; // of mentioned people; a message to all who are online may mention many more

/**
 * @param {any} context {store, conversation, actions, folds, findMessage} @param {any} message
 * @param {{ first: boolean, last: boolean }} place in a run of messages by one sender
 */
export function rowOfMessage(context, message, place) {
  if (message.kind === "system") return noticeRow(message, systemText(context.store, message));
  if (!context.folds.has(context.conversation, message)) return talk(context, message, place);
  return { key: message.id, deps: ["folded"], make: () => foldedRow(message, context.folds.open) };
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
