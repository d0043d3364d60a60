// The message that a reply quotes.

import { t } from "./language.js";
import { shortText } from "./system_text.js";

/**
 * Returns the quoted message, from the server or from what is loaded; null if it is unknown. Its `text` is null if it was
 * deleted, and empty if it has only attachments.
 * @param {any} message @param {(id: string) => any} find
 */
export function quotedIn(message, find) {
  if (message.quoted) return { ...message.quoted, text: message.quoted.message ?? null };
  const known = message.replyTo ? find(message.replyTo) : null;
  return known ? { ...known, text: known.deletedAt ? null : (known.message ?? "") } : null;
}

/** Returns the text of a quoted message in one line. @param {{ text: string | null }} quoted */
export const quoteText = ({ text }) => (text === null ? t("Deleted message") : shortText(text) || t("Attachment"));
