import { within } from "./commands.js";

/**
 * The REST API, a method an act; what they answer is in docs/protocol.md. All reject with a ParleyError.
 */
export class Api {
  /**
   * @param {string} _method @param {string} _path under /api/v1 @param {any} [_body]
   * @returns {Promise<any>}
   */
  request(_method, _path, _body) {
    throw new Error();
  }

  /** @param {{ cursor?: string, limit?: number }} [page] */
  conversations(page = {}) {
    return this.request("GET", within("/conversations", page));
  }

  /** @param {number} id */
  conversation(id) {
    return this.request("GET", `/conversations/${id}`);
  }

  /** @param {number} id @param {{ before?: number, after?: number, limit?: number }} [page] */
  history(id, page = {}) {
    return this.request("GET", within(`/conversations/${id}/messages`, page));
  }

  /** @param {number} id */
  pins(id) {
    return this.request("GET", `/conversations/${id}/pins`);
  }

  /** @param {number} userId */
  openDirect(userId) {
    return this.request("POST", "/conversations", { kind: "direct", userId });
  }

  /** @param {{ name: string, memberIds: number[], description?: string, avatarUrl?: string, history?: "all" | "joined" }} group */
  createGroup(group) {
    return this.request("POST", "/conversations", { kind: "group", ...group });
  }

  /** @param {number} id @param {Record<string, any>} changes */
  updateConversation(id, changes) {
    return this.request("PATCH", `/conversations/${id}`, changes);
  }

  /** @param {number} id */
  leave(id) {
    return this.request("POST", `/conversations/${id}/leave`);
  }

  /** @param {number} id @param {{ cursor?: string, limit?: number }} [page] */
  members(id, page = {}) {
    return this.request("GET", within(`/conversations/${id}/members`, page));
  }

  /** @param {number} id @param {number[]} userIds */
  addMembers(id, userIds) {
    return this.request("POST", `/conversations/${id}/members`, { userIds });
  }

  /** @param {number} id @param {number} userId */
  removeMember(id, userId) {
    return this.request("DELETE", `/conversations/${id}/members/${userId}`);
  }

  /** @param {number} id @param {number} userId @param {"owner" | "admin" | "member"} role */
  setRole(id, userId, role) {
    return this.request("PATCH", `/conversations/${id}/members/${userId}`, { role });
  }

  /** @param {number} id @param {string | null} until a time; null: not muted @param {{ exceptMentions?: boolean }} [options] */
  mute(id, until, options = {}) {
    return this.request("PUT", `/conversations/${id}/mute`, { until, ...options });
  }

  /** @param {number} id */
  archive(id, on = true) {
    return this.request("PUT", `/conversations/${id}/archive`, { archived: on });
  }

  /** @param {number} id */
  pinConversation(id, on = true) {
    return this.request("PUT", `/conversations/${id}/pin`, { pinned: on });
  }

  /** @param {number} id @param {{ expiresIn?: number, maxUses?: number }} [options] */
  createInvite(id, options = {}) {
    return this.request("POST", `/conversations/${id}/invites`, options);
  }

  /** @param {number} id */
  invites(id) {
    return this.request("GET", `/conversations/${id}/invites`);
  }

  /** @param {number} id @param {string} code */
  revokeInvite(id, code) {
    return this.request("DELETE", `/conversations/${id}/invites/${encodeURIComponent(code)}`);
  }

  /** @param {string} code */
  invite(code) {
    return this.request("GET", `/invites/${encodeURIComponent(code)}`);
  }

  /** @param {string} code */
  acceptInvite(code) {
    return this.request("POST", `/invites/${encodeURIComponent(code)}`);
  }

  /** @param {string} messageId @param {{ conversationId?: number, cursor?: string, limit?: number }} [query] */
  receipts(messageId, query = {}) {
    return this.request("GET", within(`/messages/${messageId}/receipts`, query));
  }

  /** @param {string} messageId @param {{ conversationId?: number }} [query] */
  edits(messageId, query = {}) {
    return this.request("GET", within(`/messages/${messageId}/edits`, query));
  }

  /** @param {string} messageId @param {string} reason @param {string} [note] */
  report(messageId, reason, note) {
    return this.request("POST", `/messages/${messageId}/report`, { reason, note });
  }

  /** @param {{ q: string, conversationId?: number, senderId?: number, before?: string, after?: string, cursor?: string, limit?: number }} query */
  search(query) {
    return this.request("GET", within("/search", query));
  }

  /** @param {string} q the beginning of a name */
  findUsers(q) {
    return this.request("GET", within("/users", { q }));
  }

  /** @param {number} userId */
  block(userId) {
    return this.request("PUT", `/blocks/${userId}`);
  }

  /** @param {number} userId */
  unblock(userId) {
    return this.request("DELETE", `/blocks/${userId}`);
  }

  blocks() {
    return this.request("GET", "/blocks");
  }

  pushSettings() {
    return this.request("GET", "/push/settings");
  }

  /** @param {{ preview?: "full" | "sender" | "none", doNotDisturb?: { from: string, to: string, timeZone: string } | null, whileActive?: boolean }} changes */
  updatePushSettings(changes) {
    return this.request("PATCH", "/push/settings", changes);
  }
}
