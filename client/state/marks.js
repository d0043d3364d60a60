// The receivers of a message, and the status of the user's own messages: sending, failed, stored, delivered, read.

/**
 * Returns the members who should receive the message: neither its sender nor members who joined later.
 * @param {{ senderId: number, seq: number }} message @param {any[]} members
 */
export function receiversOf({ senderId, seq }, members) {
  return members.filter((member) => member.userId !== senderId && (member.joinedSeq ?? 0) <= seq);
}

/**
 * @param {any} message sent by the user
 * @param {any} conversation
 * @returns {{state: "sending" | "failed" | "stored" | "delivered" | "read", read?: number, delivered?: number, of?: number}}
 */
export function markOf(message, conversation) {
  if (message.status === "failed") return { state: "failed" };
  if (!message.seq || message.status === "sending") return { state: "sending" };
  if (!conversation.members) return { state: message.status === "read" || message.status === "delivered" ? message.status : "stored" };
  const others = receiversOf(message, conversation.members);
  if (!others.length) return { state: "stored" }; // a note to yourself, or everybody else joined later
  const read = others.filter((member) => member.readSeq >= message.seq).length;
  const delivered = others.filter((member) => member.deliveredSeq >= message.seq).length;
  return { state: stateOf(read, delivered, others.length), read, delivered, of: others.length };
}

function stateOf(read, delivered, of) {
  if (read === of) return "read";
  return delivered === of ? "delivered" : "stored";
}
