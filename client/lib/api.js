/**
 * @import { Conversation, ConversationList, EarlierTexts, FoundMessages, HistoryPage, InfoPatch, Invite, InviteList, InvitePreview, MediaMessages, MemberList } from "./types.js"
 * @import { Message, MessageReceipts, NewGroup, PageQuery, PinnedMessages, PushSettings, ReportReason, ReportTaken, RequestList, Role, SearchQuery, UserList } from "./types.js"
 */
import { disablePush, enablePush, pushState } from "./push.js";
import { withQuery } from "./rest_routes.js";

/** The REST API, one method per call. Failed calls reject with a ParleyError. */
export class Api {
  deviceId = "";
  /** @protected of the service worker */ scope = "/";

  /** @param {string} _method @param {string} _path under /api/v1 @param {any} [_body] @returns {Promise<any>} */
  request(_method, _path, _body) {
    throw new Error();
  }

  /** @param {PageQuery} [page] @returns {Promise<ConversationList>} */
  conversations(page = {}) {
    return this.request("GET", withQuery("/conversations", page));
  }

  /** @param {number} id @returns {Promise<Conversation>} */
  conversation(id) {
    return this.request("GET", `/conversations/${id}`);
  }

  /**
   * @param {number} id
   * @param {{ before?: number, after?: number, around?: number | string, at?: string, limit?: number }} [page] at most one
   *   place. `around` is the seq or id of a message, `at` a time
   * @returns {Promise<HistoryPage>}
   */
  history(id, page = {}) {
    return this.request("GET", withQuery(`/conversations/${id}/messages`, page));
  }

  /**
   * Compares what you show with the server, after a `resync`: reads the history from the first message shown to the newest.
   * @param {number} id @param {{ id: string, seq: number }[]} shown
   * @returns {Promise<{ messages: Message[], gone: string[] }>} what to show, and the ids of `shown` that no longer exist
   */
  async reconcile(id, shown) {
    /** @type {Message[]} */ const messages = [];
    for (let after = Math.min(...shown.map(({ seq }) => seq)) - 1, more = shown.length > 0; more; ) {
      const page = await this.history(id, { after, limit: 100 });
      messages.push(...page.messages);
      more = page.hasMore && page.messages.length > 0;
      after = messages.at(-1)?.seq ?? after;
    }
    const there = new Set(messages.map((message) => message.id));
    return { messages, gone: shown.filter((message) => !there.has(message.id)).map((message) => message.id) };
  }

  /** @param {number} id @returns {Promise<PinnedMessages>} */
  pins(id) {
    return this.request("GET", `/conversations/${id}/pins`);
  }

  /**
   * The messages that have media of a kind, or links, newest first.
   * @param {number} id @param {{ kind: string, before?: string, limit?: number }} query `kind`: `link`, or one or more of `image`,
   *   `video`, `audio` and `file`, with commas between them; `before`: the `cursor` of the previous page @returns {Promise<MediaMessages>}
   */
  conversationMedia(id, query) {
    return this.request("GET", withQuery(`/conversations/${id}/media`, query));
  }

  /** @param {number | string} userId a string is the id that the host gave @returns {Promise<Conversation>} */
  openDirect(userId) {
    return this.request("POST", "/conversations", { kind: "direct", userId });
  }

  /** @param {NewGroup} group @returns {Promise<Conversation>} */
  createGroup(group) {
    return this.request("POST", "/conversations", { kind: "group", ...group });
  }

  /** @param {number} id @param {InfoPatch} changes @returns {Promise<Conversation>} */
  updateConversation(id, changes) {
    return this.request("PATCH", `/conversations/${id}`, changes);
  }

  /** @param {number} id @param {Blob} picture a JPEG, PNG, GIF or WebP of at most 5 MiB @returns {Promise<Conversation>} */
  setGroupAvatar(id, picture) {
    return this.request("PUT", `/conversations/${id}/avatar`, pictureForm(picture));
  }

  /** @param {number} id @returns {Promise<void>} */
  leave(id) {
    return this.request("POST", `/conversations/${id}/leave`);
  }

  /** @param {number} id @param {PageQuery & { q?: string }} [page] `q`: the beginning of a name @returns {Promise<MemberList>} */
  members(id, page = {}) {
    return this.request("GET", withQuery(`/conversations/${id}/members`, page));
  }

  /** @param {number} id @param {number[]} userIds @returns {Promise<Conversation>} */
  addMembers(id, userIds) {
    return this.request("POST", `/conversations/${id}/members`, { userIds });
  }

  /** @param {number} id @param {number} userId @returns {Promise<Conversation>} */
  removeMember(id, userId) {
    return this.request("DELETE", `/conversations/${id}/members/${userId}`);
  }

  /** @param {number} id @param {number} userId @param {Role} role @returns {Promise<Conversation>} */
  setRole(id, userId, role) {
    return this.request("PATCH", `/conversations/${id}/members/${userId}`, { role });
  }

  /**
   * @param {number} id @param {string | null} until a time, or null to unmute
   * @param {{ exceptMentions?: boolean }} [options] @returns {Promise<Conversation>}
   */
  mute(id, until, options = {}) {
    return this.request("PUT", `/conversations/${id}/mute`, { until, ...options });
  }

  /** @param {number} id @returns {Promise<Conversation>} */
  archive(id, on = true) {
    return this.request("PUT", `/conversations/${id}/archive`, { archived: on });
  }

  /** @param {number} id @returns {Promise<Conversation>} */
  pinConversation(id, on = true) {
    return this.request("PUT", `/conversations/${id}/pin`, { pinned: on });
  }

  /** @param {number} id @param {{ expiresIn?: number, maxUses?: number }} [options] @returns {Promise<Invite>} */
  createInvite(id, options = {}) {
    return this.request("POST", `/conversations/${id}/invites`, options);
  }

  /** @param {number} id @returns {Promise<InviteList>} */
  invites(id) {
    return this.request("GET", `/conversations/${id}/invites`);
  }

  /** @param {number} id @param {string} code @returns {Promise<void>} */
  revokeInvite(id, code) {
    return this.request("DELETE", `/conversations/${id}/invites/${encodeURIComponent(code)}`);
  }

  /** @param {string} code @returns {Promise<InvitePreview>} */
  invite(code) {
    return this.request("GET", `/invites/${encodeURIComponent(code)}`);
  }

  /** @param {string} code @returns {Promise<Conversation>} */
  acceptInvite(code) {
    return this.request("POST", `/invites/${encodeURIComponent(code)}`);
  }

  /** The requests that wait for your answer. @returns {Promise<RequestList>} */
  requests() {
    return this.request("GET", "/requests");
  }

  /** @param {number} conversationId @returns {Promise<Conversation>} */
  acceptRequest(conversationId) {
    return this.request("POST", `/requests/${conversationId}/accept`);
  }

  /** Refuses for good. @param {number} conversationId @returns {Promise<void>} */
  refuseRequest(conversationId) {
    return this.request("POST", `/requests/${conversationId}/refuse`);
  }

  /** @param {string} messageId @param {{ conversationId?: number, cursor?: string, limit?: number }} [query] @returns {Promise<MessageReceipts>} */
  receipts(messageId, query = {}) {
    return this.request("GET", withQuery(`/messages/${messageId}/receipts`, query));
  }

  /** @param {string} messageId @param {{ conversationId?: number, before?: string }} [query] @returns {Promise<EarlierTexts>} */
  edits(messageId, query = {}) {
    return this.request("GET", withQuery(`/messages/${messageId}/edits`, query));
  }

  /** @param {string} messageId @param {ReportReason} reason @param {string} [note] @returns {Promise<ReportTaken>} */
  report(messageId, reason, note) {
    return this.request("POST", `/messages/${messageId}/report`, { reason, note });
  }

  /** @param {SearchQuery} query @returns {Promise<FoundMessages>} */
  search(query) {
    return this.request("GET", withQuery("/search", query));
  }

  /** @param {string} q how a username or display name begins @returns {Promise<UserList>} */
  findUsers(q) {
    return this.request("GET", withQuery("/users", { q }));
  }

  /** @param {number} userId @returns {Promise<void>} */
  block(userId) {
    return this.request("PUT", `/blocks/${userId}`);
  }

  /** @param {number} userId @returns {Promise<void>} */
  unblock(userId) {
    return this.request("DELETE", `/blocks/${userId}`);
  }

  /** @returns {Promise<UserList>} */
  blocks() {
    return this.request("GET", "/blocks");
  }

  /** @returns {Promise<PushSettings>} */
  pushSettings() {
    return this.request("GET", "/push/settings");
  }

  /** @param {Partial<PushSettings>} changes @returns {Promise<PushSettings>} */
  updatePushSettings(changes) {
    return this.request("PATCH", "/push/settings", changes);
  }

  pushState() {
    return pushState(this.scope);
  }

  enablePush() {
    return enablePush((...call) => this.request(...call), this.deviceId, this.scope);
  }

  disablePush() {
    return disablePush((...call) => this.request(...call), this.scope);
  }
}

/** @param {Blob} picture */
export function pictureForm(picture) {
  const form = new FormData();
  form.append("file", picture);
  return form;
}
