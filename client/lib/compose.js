/** @import { Outgoing, OwnMessage } from "./types.js" */
import { uuid7 } from "./ids.js";

/**
 * Gives a new message an id. Returns the command that sends it, and the message to show until the server has it.
 * @param {Outgoing} outgoing @param {number} senderId
 */
export function compose({ conversationId, receiverId, message = "", attachments = [], replyTo, forward, kind, metadata }, senderId) {
  const id = uuid7();
  const named = attachments.map(({ mediaId }) => ({ mediaId }));
  const data = { id, conversationId, receiverId, message, kind, replyTo, forward, metadata, ...(named.length && { attachments: named }) };
  const sentAt = new Date().toISOString();
  /** @type {OwnMessage} */
  const shown = { ...data, kind: kind ?? "text", attachments, senderId, sentAt, status: "sending" };
  return { id, data, shown };
}
