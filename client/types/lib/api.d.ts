/** @param {Blob} picture */
export function pictureForm(picture: Blob): FormData;
/** The REST API, one method per call. Failed calls reject with a ParleyError. */
export class Api {
    deviceId: string;
    /** @protected of the service worker */ protected scope: string;
    /** @param {string} _method @param {string} _path under /api/v1 @param {any} [_body] @returns {Promise<any>} */
    request(_method: string, _path: string, _body?: any): Promise<any>;
    /** @param {PageQuery} [page] @returns {Promise<ConversationList>} */
    conversations(page?: PageQuery): Promise<ConversationList>;
    /** @param {number} id @returns {Promise<Conversation>} */
    conversation(id: number): Promise<Conversation>;
    /**
     * @param {number} id
     * @param {{ before?: number, after?: number, around?: number | string, at?: string, limit?: number }} [page] at most one
     *   place. `around` is the seq or id of a message, `at` a time
     * @returns {Promise<HistoryPage>}
     */
    history(id: number, page?: {
        before?: number;
        after?: number;
        around?: number | string;
        at?: string;
        limit?: number;
    }): Promise<HistoryPage>;
    /**
     * Compares what you show with the server, after a `resync`: reads the history from the first message shown to the newest.
     * @param {number} id @param {{ id: string, seq: number }[]} shown
     * @returns {Promise<{ messages: Message[], gone: string[] }>} what to show, and the ids of `shown` that no longer exist
     */
    reconcile(id: number, shown: {
        id: string;
        seq: number;
    }[]): Promise<{
        messages: Message[];
        gone: string[];
    }>;
    /** @param {number} id @returns {Promise<PinnedMessages>} */
    pins(id: number): Promise<PinnedMessages>;
    /**
     * The messages that have media of a kind, or links, newest first.
     * @param {number} id @param {{ kind: string, before?: string, limit?: number }} query `kind`: `link`, or one or more of `image`,
     *   `video`, `audio` and `file`, with commas between them; `before`: the `cursor` of the previous page @returns {Promise<MediaMessages>}
     */
    conversationMedia(id: number, query: {
        kind: string;
        before?: string;
        limit?: number;
    }): Promise<MediaMessages>;
    /** @param {number | string} userId a string is the id that the host gave @returns {Promise<Conversation>} */
    openDirect(userId: number | string): Promise<Conversation>;
    /** @param {NewGroup} group @returns {Promise<Conversation>} */
    createGroup(group: NewGroup): Promise<Conversation>;
    /** @param {number} id @param {InfoPatch} changes @returns {Promise<Conversation>} */
    updateConversation(id: number, changes: InfoPatch): Promise<Conversation>;
    /** @param {number} id @param {Blob} picture a JPEG, PNG, GIF or WebP of at most 5 MiB @returns {Promise<Conversation>} */
    setGroupAvatar(id: number, picture: Blob): Promise<Conversation>;
    /** @param {number} id @returns {Promise<void>} */
    leave(id: number): Promise<void>;
    /** @param {number} id @param {PageQuery & { q?: string }} [page] `q`: the beginning of a name @returns {Promise<MemberList>} */
    members(id: number, page?: PageQuery & {
        q?: string;
    }): Promise<MemberList>;
    /** @param {number} id @param {number[]} userIds @returns {Promise<Conversation>} */
    addMembers(id: number, userIds: number[]): Promise<Conversation>;
    /** @param {number} id @param {number} userId @returns {Promise<Conversation>} */
    removeMember(id: number, userId: number): Promise<Conversation>;
    /** @param {number} id @param {number} userId @param {Role} role @returns {Promise<Conversation>} */
    setRole(id: number, userId: number, role: Role): Promise<Conversation>;
    /**
     * @param {number} id @param {string | null} until a time, or null to unmute
     * @param {{ exceptMentions?: boolean }} [options] @returns {Promise<Conversation>}
     */
    mute(id: number, until: string | null, options?: {
        exceptMentions?: boolean;
    }): Promise<Conversation>;
    /** @param {number} id @returns {Promise<Conversation>} */
    archive(id: number, on?: boolean): Promise<Conversation>;
    /** @param {number} id @returns {Promise<Conversation>} */
    pinConversation(id: number, on?: boolean): Promise<Conversation>;
    /** @param {number} id @param {{ expiresIn?: number, maxUses?: number }} [options] @returns {Promise<Invite>} */
    createInvite(id: number, options?: {
        expiresIn?: number;
        maxUses?: number;
    }): Promise<Invite>;
    /** @param {number} id @returns {Promise<InviteList>} */
    invites(id: number): Promise<InviteList>;
    /** @param {number} id @param {string} code @returns {Promise<void>} */
    revokeInvite(id: number, code: string): Promise<void>;
    /** @param {string} code @returns {Promise<InvitePreview>} */
    invite(code: string): Promise<InvitePreview>;
    /** @param {string} code @returns {Promise<Conversation>} */
    acceptInvite(code: string): Promise<Conversation>;
    /** The requests that wait for your answer. @returns {Promise<RequestList>} */
    requests(): Promise<RequestList>;
    /** @param {number} conversationId @returns {Promise<Conversation>} */
    acceptRequest(conversationId: number): Promise<Conversation>;
    /** Refuses for good. @param {number} conversationId @returns {Promise<void>} */
    refuseRequest(conversationId: number): Promise<void>;
    /** @param {string} messageId @param {{ conversationId?: number, cursor?: string, limit?: number }} [query] @returns {Promise<MessageReceipts>} */
    receipts(messageId: string, query?: {
        conversationId?: number;
        cursor?: string;
        limit?: number;
    }): Promise<MessageReceipts>;
    /** @param {string} messageId @param {{ conversationId?: number, before?: string }} [query] @returns {Promise<EarlierTexts>} */
    edits(messageId: string, query?: {
        conversationId?: number;
        before?: string;
    }): Promise<EarlierTexts>;
    /** @param {string} messageId @param {ReportReason} reason @param {string} [note] @returns {Promise<ReportTaken>} */
    report(messageId: string, reason: ReportReason, note?: string): Promise<ReportTaken>;
    /** @param {SearchQuery} query @returns {Promise<FoundMessages>} */
    search(query: SearchQuery): Promise<FoundMessages>;
    /** @param {string} q how a username or display name begins @returns {Promise<UserList>} */
    findUsers(q: string): Promise<UserList>;
    /** @param {number} userId @returns {Promise<void>} */
    block(userId: number): Promise<void>;
    /** @param {number} userId @returns {Promise<void>} */
    unblock(userId: number): Promise<void>;
    /** @returns {Promise<UserList>} */
    blocks(): Promise<UserList>;
    /** @returns {Promise<PushSettings>} */
    pushSettings(): Promise<PushSettings>;
    /** @param {Partial<PushSettings>} changes @returns {Promise<PushSettings>} */
    updatePushSettings(changes: Partial<PushSettings>): Promise<PushSettings>;
    pushState(): Promise<import("./types.js").PushState>;
    enablePush(): Promise<import("./types.js").PushState>;
    disablePush(): Promise<import("./types.js").PushState>;
}
import type { PageQuery } from "./types.js";
import type { ConversationList } from "./types.js";
import type { Conversation } from "./types.js";
import type { HistoryPage } from "./types.js";
import type { Message } from "./types.js";
import type { PinnedMessages } from "./types.js";
import type { MediaMessages } from "./types.js";
import type { NewGroup } from "./types.js";
import type { InfoPatch } from "./types.js";
import type { MemberList } from "./types.js";
import type { Role } from "./types.js";
import type { Invite } from "./types.js";
import type { InviteList } from "./types.js";
import type { InvitePreview } from "./types.js";
import type { RequestList } from "./types.js";
import type { MessageReceipts } from "./types.js";
import type { EarlierTexts } from "./types.js";
import type { ReportReason } from "./types.js";
import type { ReportTaken } from "./types.js";
import type { SearchQuery } from "./types.js";
import type { FoundMessages } from "./types.js";
import type { UserList } from "./types.js";
import type { PushSettings } from "./types.js";
