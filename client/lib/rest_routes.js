/**
 * The REST request that does the same as each command, for transports that carry no commands (docs/protocol.md, section 3).
 * @type {Record<string, (data: any) => [method: string, path: string, body?: any]>}
 */
const ROUTES = {
  send_message: (data) => ["POST", "/messages", data],
  edit_message: ({ id, message, conversationId, after, metadata }) => [
    "PATCH",
    withQuery(`/messages/${id}`, { conversationId }),
    { message, metadata, ...(after && { after }) },
  ],
  delete_message: ({ id, scope, conversationId }) => ["DELETE", withQuery(`/messages/${id}`, { scope, conversationId })],
  react: ({ id, emoji, on, conversationId }) => [
    on ? "PUT" : "DELETE",
    withQuery(`/messages/${id}/reactions`, { emoji, conversationId }),
  ],
  set_draft: ({ conversationId, message, replyTo }) => ["PUT", `/conversations/${conversationId}/draft`, { message, replyTo }],
  mark_unread: ({ conversationId, on }) => [on ? "PUT" : "DELETE", `/conversations/${conversationId}/unread`],
  clear_conversation: ({ conversationId, seq, remove }) => ["POST", `/conversations/${conversationId}/clear`, { seq, remove }],
  fetch_unread_messages: (data) => ["GET", withQuery("/messages/unread", data)],
  message_delivered: ({ conversationId, seq }) => ["POST", `/conversations/${conversationId}/delivered`, { seq }],
  message_read: ({ conversationId, seq }) => ["POST", `/conversations/${conversationId}/read`, { seq }],
  start_stream: (data) => ["POST", "/streams", data],
  append_stream: ({ id, from, text }) => ["POST", `/streams/${id}/append`, { from, text }],
  end_stream: ({ id, message }) => ["POST", `/streams/${id}/end`, { message }],
  stop_stream: ({ id, conversationId }) => ["POST", withQuery(`/messages/${id}/stop`, { conversationId })],
  send_event: ({ conversationId, type, data }) => ["POST", `/conversations/${conversationId}/events`, { type, data }],
  typing: ({ conversationId, typing }) => ["POST", `/conversations/${conversationId}/typing`, { typing }],
};

/**
 * Returns the REST request of a command. `<switch>_message` turns something of a message on with `PUT`, off with `DELETE`.
 * @param {string} name @param {any} data @returns {[method: string, path: string, body?: any]}
 */
export function restRoute(name, data) {
  const route = ROUTES[name];
  if (route) return route(data);
  const path = `/messages/${data.id}/${name.replace("_message", "")}`;
  return [data.on ? "PUT" : "DELETE", withQuery(path, { conversationId: data.conversationId })];
}

/** Returns the path with a query string, without fields that are undefined or null. @param {string} path @param {Record<string, any>} query */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value != null);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
