/**
 * The types that a caller meets: what the server sends (docs/protocol.md; a test holds them against its own description),
 * and what the client adds. Types alone: no module loads this one, and no browser.
 *
 * Times are RFC 3339 texts, ids of messages and media UUIDs, ids of users and conversations numbers.
 */

// --- people

/**
 * @typedef {{ id: number, username: string, displayName: string, avatarUrl?: string, lastSeen?: string }} User
 * @typedef {User & { lastSeenVisible: LastSeenVisible }} Profile oneself
 * @typedef {"everyone" | "contacts" | "nobody"} LastSeenVisible
 * @typedef {{ displayName?: string, avatarUrl?: string | null, lastSeenVisible?: LastSeenVisible }} ProfilePatch null takes away
 * @typedef {{ users: User[] }} UserList
 * @typedef {{ userId: number, status: "online" | "offline", lastSeen: string | null }} Presence
 * @typedef {{ conversationId: number, userId: number, typing: boolean }} Typing
 */

// --- messages

/**
 * @typedef {{
 *   id: string,
 *   conversationId: number,
 *   seq: number,
 *   senderId: number,
 *   receiverId?: number,
 *   kind: string,
 *   message?: string,
 *   attachments?: Attachment[],
 *   replyTo?: string,
 *   quoted?: Quoted,
 *   mentions?: number[],
 *   mentionsAll?: true,
 *   forwarded?: Forwarded,
 *   system?: System,
 *   sentAt: string,
 *   editedAt?: string,
 *   pinnedAt?: string,
 *   deletedAt?: string,
 *   reactions?: Reaction[],
 * }} ReceivedMessage a message as an event tells it. Without `reactions` they are as they were; with `deletedAt` there is no content
 * @typedef {ReceivedMessage & { reactions: Reaction[], status: "accepted" | "stored" | "delivered" | "read", receipts?: ReceiptCounts }} Message
 *   a message of the history
 * @typedef {Message & { snippet: string, highlights: number[][] }} FoundMessage `highlights`: `[start, length]` in the snippet
 * @typedef {{ messages: Message[], hasMore: boolean }} MessageList ascending
 * @typedef {MessageList} PinnedMessages last pinned first
 * @typedef {MessageList} UnreadMessages oldest first
 * @typedef {{ messages: FoundMessage[], hasMore: boolean, cursor?: string }} FoundMessages newest first
 *
 * @typedef {{ id: string, seq: number, senderId: number, message?: string }} Quoted
 * @typedef {{ senderId: number, sentAt: string }} Forwarded
 * @typedef {{ emoji: string, count: number, mine: boolean }} Reaction
 * @typedef {{ delivered: number, read: number }} ReceiptCounts
 * @typedef {{ type: "created" | "joined" | "left" }
 *   | { type: "added" | "removed", userIds: number[] }
 *   | { type: "role", userId: number, role: Role }
 *   | { type: "info", name?: string, description?: string | null, avatarUrl?: string | null, history?: History }} System
 *   what a message of kind `system` tells of its group
 *
 * @typedef {{ id: string, conversationId: number, seq: number }} MessageDeleted
 * @typedef {MessageDeleted & { userId: number, on: boolean }} MessagePinned
 * @typedef {MessageDeleted & { userId: number, emoji: string, on: boolean }} ReactionShown
 * @typedef {{ conversationId: number, userId: number, seq: number, moved?: number }} MarkMoved
 *   everything up to `seq` is delivered, or read; `moved`: for how many members of a large group it stands
 *
 * @typedef {{ id: string, conversationId: number, seq: number, sentAt: string, status: "stored" }} Ack
 * @typedef {{ id: string, conversationId: number, seq: number, status: "accepted" | "stored" }} ChangeAck
 * @typedef {{ conversationId: number, seq: number, status: "accepted" | "stored" }} MarkAck
 *
 * @typedef {{ userId: number, delivered: boolean, read: boolean }} MemberReceipt
 * @typedef {MessageDeleted & ReceiptCounts & { members: MemberReceipt[], cursor?: string }} MessageReceipts
 * @typedef {{ message: string, editedAt: string }} EarlierText
 * @typedef {{ edits: EarlierText[] }} EarlierTexts oldest first
 * @typedef {"spam" | "harassment" | "hate" | "violence" | "sexual" | "illegal" | "other"} ReportReason
 * @typedef {{ id: number, messageId: string, conversationId: number, reason: ReportReason, createdAt: string }} ReportTaken
 */

// --- media

/**
 * @typedef {{
 *   mediaId: string,
 *   status: "processing" | "ready" | "failed",
 *   kind: "image" | "audio" | "video" | "file",
 *   contentType: string,
 *   bytes: number,
 *   filename?: string,
 *   width?: number,
 *   height?: number,
 *   duration?: number,
 *   blurhash?: string,
 *   waveform?: number[],
 *   code?: string,
 * }} Attachment `duration` in seconds; `code`: why it failed
 * @typedef {Attachment & { conversationId: number, thumbnailUrl?: string }} MediaReady
 * @typedef {Attachment & { conversationId: number }} MediaFailed
 * @typedef {{
 *   mediaId: string,
 *   conversationId: number,
 *   stage: "processing" | "storing",
 *   width?: number,
 *   height?: number,
 *   blurhash?: string,
 * }} MediaProgress
 * @typedef {{ url: string, expiresAt: number }} MediaAddress `expiresAt` in unix seconds
 */

// --- conversations

/**
 * @typedef {"owner" | "admin" | "member"} Role
 * @typedef {"all" | "joined"} History what of the past there is for members who come later
 * @typedef {{ userId: number, role: Role, deliveredSeq: number, readSeq: number }} Member
 * @typedef {{
 *   id: number,
 *   kind: "direct" | "group",
 *   name?: string,
 *   description?: string,
 *   avatarUrl?: string,
 *   history?: History,
 *   memberCount: number,
 *   members?: Member[],
 *   lastSeq: number,
 *   lastMessage?: Message,
 *   unread: number,
 *   mentions: number,
 *   mutedUntil?: string,
 *   exceptMentions?: boolean,
 *   archived: boolean,
 *   pinned: boolean,
 *   updatedAt: string,
 * }} Conversation
 * @typedef {{
 *   id: number,
 *   kind: "direct" | "group",
 *   left?: true,
 *   name?: string,
 *   description?: string,
 *   avatarUrl?: string,
 *   history?: History,
 *   memberCount?: number,
 *   members?: Member[],
 *   lastSeq?: number,
 *   updatedAt?: string,
 * }} ConversationNow a group as it now is, without one's own counts; with `left` one is a member no more
 * @typedef {{
 *   conversationId: number,
 *   mutedUntil?: string | null,
 *   exceptMentions?: boolean,
 *   archived?: boolean,
 *   pinned?: boolean,
 * }} ConversationSettings one's own
 * @typedef {{ conversations: Conversation[], cursor?: string }} ConversationList newest activity first
 * @typedef {{ members: Member[], cursor?: string }} MemberList by `userId`
 * @typedef {{ name?: string, description?: string | null, avatarUrl?: string | null, history?: History }} InfoPatch null takes away
 * @typedef {{ name: string, memberIds: number[], description?: string, avatarUrl?: string, history?: History }} NewGroup
 *
 * @typedef {{
 *   code: string,
 *   conversationId: number,
 *   createdBy: number,
 *   createdAt: string,
 *   uses: number,
 *   expiresAt?: string,
 *   maxUses?: number,
 * }} Invite
 * @typedef {{ invites: Invite[] }} InviteList
 * @typedef {{
 *   code: string,
 *   conversationId: number,
 *   memberCount: number,
 *   name?: string,
 *   description?: string,
 *   avatarUrl?: string,
 * }} InvitePreview
 */

// --- queries

/**
 * @typedef {{ cursor?: string, limit?: number }} PageQuery
 * @typedef {PageQuery & { q: string, conversationId?: number, senderId?: number, before?: string, after?: string }} SearchQuery
 */

// --- push

/**
 * @typedef {{ from: string, to: string, timeZone: string }} DoNotDisturb `22:00`
 * @typedef {{ preview: "full" | "sender" | "none", doNotDisturb: DoNotDisturb | null, whileActive: boolean }} PushSettings
 * @typedef {"unsupported" | "denied" | "off" | "on"} PushState of this browser
 */

// --- sending

/**
 * @typedef {{ conversationId: number, receiverId?: undefined } | { receiverId: number, conversationId?: undefined }} Target
 * @typedef {{ id: string, conversationId?: number }} Forward
 * @typedef {Partial<Attachment> & { mediaId: string }} NamedMedia
 * @typedef {Target & { message?: string, attachments?: NamedMedia[], replyTo?: string, forward?: Forward, kind?: string }} Outgoing
 * @typedef {"sending" | "accepted" | "stored" | "failed"} SendingStatus `accepted`: on its way, and not yet stored
 * @typedef {{
 *   id: string,
 *   conversationId?: number,
 *   receiverId?: number,
 *   senderId: number,
 *   kind: string,
 *   message: string,
 *   attachments: NamedMedia[],
 *   replyTo?: string,
 *   forward?: Forward,
 *   sentAt: string,
 *   status: SendingStatus,
 *   seq?: number,
 * }} OwnMessage a message of one's own, as it can be shown from the beginning; `seq` once it is stored
 * @typedef {{ id: string, message: OwnMessage, saved: Promise<void>, done: Promise<Ack> }} Sent
 * @typedef {{ code: string, message: string, status?: number, errors?: FieldError[] }} Refusal
 * @typedef {{
 *   id: string,
 *   conversationId?: number,
 *   status: SendingStatus,
 *   message: OwnMessage,
 *   error?: Refusal,
 *   seq?: number,
 *   sentAt?: string,
 * }} MessageStatus
 * @typedef {{ id: string, conversationId?: number, status: SendingStatus, message: OwnMessage, error?: Refusal }} OutboxEntry
 */

// --- the connection

/**
 * @typedef {"websocket" | "sse" | "long-poll"} Transport
 * @typedef {{
 *   status: "offline" | "connecting" | "online",
 *   transport: Transport | null,
 *   retryInMs?: number,
 *   error?: import("./errors.js").ParleyError,
 * }} State
 * @typedef {{ conversationId: number, count: number }} UnreadCount
 * @typedef {{ userId: number, sessionId: string, cursor: string, unread: UnreadCount[] }} Joined
 * @typedef {{ cursor: string }} Resync
 * @typedef {{ field: string, message: string }} FieldError
 * @typedef {{ code: string, message: string, retryAfter?: number, errors?: FieldError[] }} ErrorData `retryAfter` in seconds
 */

// --- events

/**
 * @typedef {{
 *   receive_message: ReceivedMessage,
 *   message_updated: ReceivedMessage,
 *   message_deleted: MessageDeleted,
 *   reaction: ReactionShown,
 *   message_pinned: MessagePinned,
 *   message_delivered: MarkMoved,
 *   message_read: MarkMoved,
 *   conversation_updated: ConversationNow,
 *   conversation_settings: ConversationSettings,
 *   media_ready: MediaReady,
 *   media_failed: MediaFailed,
 *   media_progress: MediaProgress,
 *   typing: Typing,
 *   presence: Presence,
 *   joined: Joined,
 *   unread_messages: UnreadMessages,
 *   resync: Resync,
 *   error: ErrorData,
 *   state: State,
 *   message_status: MessageStatus,
 *   discarded: { id: string, conversationId?: number },
 *   signed_out: {},
 *   closed: {},
 *   open_conversation: { conversationId: number },
 * }} EventMap what each event holds
 * @typedef {keyof EventMap} EventName
 * @typedef {{ [K in EventName]: [data: EventMap[K], name: K] }[EventName]} AnyEvent
 */

/**
 * @template {EventName | "*"} K
 * @typedef {[K] extends ["*"] ? (...event: AnyEvent) => unknown : (data: EventMap[Exclude<K, "*">], name: Exclude<K, "*">) => unknown} Handler
 */

export {};
