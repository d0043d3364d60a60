// The status of the user's own message: sending, failed, stored, delivered, read.

/**
 * @param {any} message sent by the user
 * @param {any} conversation
 * @returns {{state: "sending" | "failed" | "stored" | "delivered" | "read", read?: number, delivered?: number, of?: number}}
 */
export function markOf(message, conversation) {
  if (message.status === "failed") return { state: "failed" };
  if (!message.seq || message.status === "sending") return { state: "sending" };
  const others = conversation.members?.filter((member) => member.userId !== message.senderId);
  if (!others) return { state: message.status === "read" || message.status === "delivered" ? message.status : "stored" };
  if (!others.length) return { state: "stored" }; // a note to yourself
  const read = others.filter((member) => member.readSeq >= message.seq).length;
  const delivered = others.filter((member) => member.deliveredSeq >= message.seq).length;
  return { state: stateOf(read, delivered, others.length), read, delivered, of: others.length };
}

function stateOf(read, delivered, of) {
  if (read === of) return "read";
  return delivered === of ? "delivered" : "stored";
}
