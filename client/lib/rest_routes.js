/**
 * The REST request that does the same as each command, for transports that carry no commands (docs/protocol.md, section 3).
 * @type {Record<string, (data: any) => [method: string, path: string, body?: any]>}
 */
const ROUTES = {
  send_message: (data) => ["POST", "/messages", data],
  edit_message: ({ id, message, conversationId, after }) => [
    "PATCH",
    withQuery(`/messages/${id}`, { conversationId }),
    { message, ...(after && { after }) },
  ],
  delete_message: ({ id, scope, conversationId }) => ["DELETE", withQuery(`/messages/${id}`, { scope, conversationId })],
  react: ({ id, emoji, on, conversationId }) => [
    on ? "PUT" : "DELETE",
    withQuery(`/messages/${id}/reactions/${encodeURIComponent(emoji)}`, { conversationId }),
  ],
  fetch_unread_messages: (data) => ["GET", withQuery("/messages/unread", data)],
  message_delivered: ({ conversationId, seq }) => ["POST", `/conversations/${conversationId}/delivered`, { seq }],
  message_read: ({ conversationId, seq }) => ["POST", `/conversations/${conversationId}/read`, { seq }],
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
