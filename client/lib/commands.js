/**
 * Each command as the same act over REST, for links that carry none (docs/protocol.md, section 3).
 * @type {Record<string, (data: any) => [method: string, path: string, body?: any]>}
 */
export const OVER_REST = {
  send_message: (data) => ["POST", "/messages", data],
  edit_message: ({ id, message, conversationId }) => ["PATCH", within(`/messages/${id}`, { conversationId }), { message }],
  delete_message: ({ id, scope, conversationId }) => ["DELETE", within(`/messages/${id}`, { scope, conversationId })],
  react: ({ id, emoji, on, conversationId }) => [
    on ? "PUT" : "DELETE",
    within(`/messages/${id}/reactions/${encodeURIComponent(emoji)}`, { conversationId }),
  ],
  pin_message: ({ id, on, conversationId }) => [on ? "PUT" : "DELETE", within(`/messages/${id}/pin`, { conversationId })],
  fetch_unread_messages: (data) => ["GET", within("/messages/unread", data)],
  message_delivered: ({ conversationId, seq }) => ["POST", `/conversations/${conversationId}/delivered`, { seq }],
  message_read: ({ conversationId, seq }) => ["POST", `/conversations/${conversationId}/read`, { seq }],
  typing: ({ conversationId, typing }) => ["POST", `/conversations/${conversationId}/typing`, { typing }],
};

/** A path with its query; what is undefined or null is left out. @param {string} path @param {Record<string, any>} query */
export function within(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `${path}?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}` : path;
}
