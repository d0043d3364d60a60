/**
 * The types that applications use: those of the server (docs/protocol.md; a test compares them with the server's own
 * description) and those that the client adds. Only types: no module and no browser loads this file.
 *
 * Times are RFC 3339 strings. Ids of messages and media are UUIDs; ids of users and conversations are numbers.
 */

// --- people

/**
 * @typedef {{ id: number, externalId?: string, username: string, displayName: string, avatarUrl?: string, lastSeen?: string, status?: Status, doNotDisturbUntil?: string, metadata?: Metadata }} User
 *   `externalId` is the id that the host gave; `lastSeen`, `status` and `doNotDisturbUntil` only if you may see them
 * @typedef {{ text?: string, emoji?: string, until?: string }} Status
 * @typedef {"everyone" | "contacts" | "nobody"} MayAddMe who may add you to a group without asking you
 * @typedef {"everyone" | "contacts" | "nobody"} MayWriteToMe who may begin a direct conversation with you without asking you
 * @typedef {User & { lastSeenVisible: LastSeenVisible, mayAddMe: MayAddMe, mayWriteToMe: MayWriteToMe, hideBlockedMessages: boolean, locale: string | null, email?: string, secondFactor: boolean }} Profile your own
 * @typedef {"everyone" | "contacts" | "nobody"} LastSeenVisible
 * @typedef {{ id: string, createdAt: string, lastUsedAt: string, current: boolean, deviceName: string | null, network: string | null }} SignIn
 * @typedef {{ displayName?: string, avatarUrl?: string | null, lastSeenVisible?: LastSeenVisible, mayAddMe?: MayAddMe, mayWriteToMe?: MayWriteToMe, hideBlockedMessages?: boolean, status?: Status | null, doNotDisturbUntil?: string | null, locale?: string | null }} ProfilePatch null removes a value
 * @typedef {{ users: User[] }} UserList
 * @typedef {{ userId: number, externalId?: string, status: "online" | "offline", lastSeen: string | null }} Presence
 * @typedef {{ userId?: number, externalId?: string, displayName?: string, avatarUrl?: string | null, status?: Status | null, doNotDisturbUntil?: string | null, metadata?: Metadata, deleted?: boolean, all?: boolean }} UserUpdated
 *   `all` comes without other fields, after a long absence: read all users that you show again
 * @typedef {{ conversationId: number, userId: number, typing: boolean }} Typing
 * @typedef {{ conversationId: number, userId: number, type: string, data: any }} CustomEvent an event of your application, from another member
 */

// --- messages

/**
 * @typedef {{
 *   id: string, conversationId: number, seq: number, senderId: number | null, receiverId?: number,
 *   kind: string, message?: string, attachments?: Attachment[], replyTo?: string, quoted?: Quoted,
 *   mentions?: number[], mentionsAll?: true, mentionsOnline?: true, forwarded?: Forwarded, system?: System,
 *   silent?: true, imported?: true, metadata?: Metadata, streaming?: true, length?: number, sentAt: string,
 *   editedAt?: string, pinnedAt?: string, deletedAt?: string, starred?: true, reactions?: Reaction[],
 * }} ReceivedMessage a message in an event. Without `reactions` they have not changed; with `deletedAt` there is no content;
 *   while it is `streaming`, `length` characters (code points) have arrived, and `message_append` brings more
 * @typedef {ReceivedMessage & { reactions: Reaction[], status: "accepted" | "stored" | "delivered" | "read", receipts?: ReceiptCounts }} Message
 *   a message from the history
 * @typedef {Message & { snippet: string, highlights: number[][] }} FoundMessage `highlights`: `[start, length]` in the snippet
 * @typedef {{ messages: Message[], hasMore: boolean }} MessageList ascending
 * @typedef {MessageList & { seq?: number, hasMoreAfter?: boolean }} HistoryPage `seq` and `hasMoreAfter` answer `around` and `at`
 * @typedef {MessageList & { cursor?: string }} PinnedMessages last pinned first
 * @typedef {MessageList & { cursor?: string }} MediaMessages newest first
 * @typedef {MessageList & { cursor?: string }} StarredMessages last starred first
 * @typedef {MessageList} UnreadMessages oldest first
 * @typedef {{ messages: FoundMessage[], hasMore: boolean, cursor?: string }} FoundMessages newest first
 *
 * @typedef {{ [name: string]: any }} Metadata your application's own data: JSON of at most 4 KiB and five levels
 * @typedef {{ id: string, seq: number, senderId: number | null, message?: string }} Quoted
 * @typedef {{ senderId: number | null, sentAt: string }} Forwarded
 * @typedef {{ emoji: string, count: number, mine: boolean }} Reaction
 * @typedef {{ delivered: number, read: number }} ReceiptCounts
 * @typedef {{ type: "created" | "joined" | "left" }
 *   | { type: "added" | "removed", userIds: number[] }
 *   | { type: "role", userId: number, role: Role }
 *   | { type: "info", name?: string, description?: string | null, avatarUrl?: string | null, history?: History, readOnly?: boolean, metadata?: Metadata | null }} System
 *   what happened in the group, in a message of kind `system`
 *
 * @typedef {{ id: string, conversationId: number, seq: number }} MessageDeleted
 * @typedef {MessageDeleted & { userId: number, on: boolean }} MessagePinned
 * @typedef {MessageDeleted & { from: number, text: string }} MessageAppend `text` follows the first `from` characters (code points)
 * @typedef {MessageDeleted & { on: boolean }} MessageStarred only for yourself
 * @typedef {MessageDeleted & { userId: number, emoji: string, on: boolean }} ReactionShown
 * @typedef {{ conversationId: number, userId: number, seq: number, moved?: number }} MarkMoved
 *   everything up to `seq` is delivered, or read; `moved`: how many members of a large group this event stands for
 *
 * @typedef {{ id: string, conversationId: number, seq: number, sentAt: string, status: "stored" }} Ack
 * @typedef {{ id: string, conversationId: number, seq: number, status: "accepted" | "stored" }} ChangeAck
 * @typedef {{ id: string, conversationId: number, length: number }} AppendAck `length`: the characters of the text now
 * @typedef {Target & { id?: string, kind?: string, replyTo?: string, metadata?: Metadata }} NewStream
 * @typedef {{ conversationId: number, seq: number, status: "accepted" | "stored" }} MarkAck
 * @typedef {{ conversationId: number, status: "accepted" | "stored" }} OwnAck
 * @typedef {OwnAck & { seq?: number }} ClearAck `seq`: the last message that you no longer see
 *
 * @typedef {{ userId: number, delivered: boolean, read: boolean }} MemberReceipt
 * @typedef {MessageDeleted & ReceiptCounts & { members: MemberReceipt[], cursor?: string }} MessageReceipts
 * @typedef {{ message: string, editedAt: string }} EarlierText
 * @typedef {{ edits: EarlierText[], hasMore: boolean, cursor?: string }} EarlierTexts oldest first
 * @typedef {"spam" | "harassment" | "hate" | "violence" | "sexual" | "illegal" | "other"} ReportReason
 * @typedef {{ id: number, messageId: string, conversationId: number, reason: ReportReason, createdAt: string }} ReportTaken
 */

// --- media

/**
 * @typedef {{
 *   mediaId: string, status: "processing" | "ready" | "failed", kind: "image" | "audio" | "video" | "file",
 *   contentType: string, bytes: number, filename?: string, width?: number, height?: number,
 *   duration?: number, blurhash?: string, waveform?: number[], code?: string,
 * }} Attachment `duration` in seconds; `code` says why it failed
 * @typedef {Attachment & { conversationId: number, thumbnailUrl?: string }} MediaReady
 * @typedef {Attachment & { conversationId: number }} MediaFailed
 * @typedef {{
 *   mediaId: string, conversationId: number, stage: "processing" | "storing", width?: number,
 *   height?: number, blurhash?: string,
 * }} MediaProgress
 * @typedef {{ url: string, expiresAt: number }} MediaAddress `expiresAt` in unix seconds
 */

// --- conversations

/**
 * @typedef {"owner" | "admin" | "member"} Role
 * @typedef {"all" | "joined"} History the messages that new members see: all, or those since they joined
 * @typedef {{ userId: number, role: Role, deliveredSeq: number, readSeq: number, joinedSeq?: number }} Member
 * @typedef {{
 *   id: number, kind: "direct" | "group", name?: string, description?: string, avatarUrl?: string,
 *   history?: History, externalId?: string, readOnly?: true, metadata?: Metadata, memberCount: number,
 *   members?: Member[], lastSeq: number, lastMessage?: Message, unread: number, mentions: number,
 *   mutedUntil?: string, exceptMentions?: boolean, archived: boolean, pinned: boolean, markedUnread?: true,
 *   draft?: Draft, updatedAt: string,
 * }} Conversation
 * @typedef {{ message: string, replyTo?: string, updatedAt: string }} Draft what you have begun to write
 * @typedef {Draft & { conversationId: number }} DraftNow without text and `replyTo`, the draft was deleted
 * @typedef {{
 *   id: number, kind: "direct" | "group", left?: true, name?: string, description?: string,
 *   avatarUrl?: string, history?: History, externalId?: string, readOnly?: true, metadata?: Metadata,
 *   memberCount?: number, members?: Member[], lastSeq?: number, updatedAt?: string,
 * }} ConversationNow a group's current state, without your unread counts; with `left` you are no longer a member
 * @typedef {{
 *   conversationId: number, mutedUntil?: string | null, exceptMentions?: boolean, archived?: boolean,
 *   pinned?: boolean, markedUnread?: boolean,
 * }} ConversationSettings your own
 * @typedef {{ conversationId: number, seq: number, removed: boolean }} ConversationCleared
 *   you no longer see its messages up to `seq`; `removed`: nor the conversation itself, until its next message
 * @typedef {{ conversations: Conversation[], cursor?: string }} ConversationList newest activity first
 * @typedef {{ members: Member[], cursor?: string }} MemberList by `userId`
 * @typedef {{ name?: string, description?: string | null, avatarUrl?: string | null, history?: History, readOnly?: boolean, metadata?: Metadata | null }} InfoPatch null removes a value
 * @typedef {{ name: string, memberIds: number[], description?: string, avatarUrl?: string, history?: History, readOnly?: boolean, metadata?: Metadata }} NewGroup
 *
 * @typedef {{
 *   code: string, conversationId: number, createdBy: number, createdAt: string, uses: number,
 *   expiresAt?: string, maxUses?: number,
 * }} Invite
 * @typedef {{ invites: Invite[] }} InviteList
 * @typedef {{ conversationId: number, kind: "group" | "direct", name: string, memberCount: number, sender: User, createdAt: string }} GroupRequest
 *   of a group to which `sender` wants to add you, or of a direct conversation in which they have written
 * @typedef {{ requests: GroupRequest[] }} RequestList newest first
 * @typedef {{ conversationId: number, waiting: boolean } & Partial<GroupRequest>} RequestNow
 *   a request that begins to wait, with all its fields, or no longer waits
 * @typedef {{
 *   code: string, conversationId: number, memberCount: number, name?: string, description?: string,
 *   avatarUrl?: string,
 * }} InvitePreview
 */

// --- queries

/**
 * @typedef {{ cursor?: string, limit?: number }} PageQuery
 * @typedef {PageQuery & {
 *   q?: string, conversationId?: number, senderId?: number, has?: string, before?: string, after?: string,
 * } & ({ q: string } | { senderId: number | null } | { has: string })} SearchQuery `has`: file, image, audio, video, link,
 *   separated by commas. `before` and `after`: times, or dates in UTC
 */

// --- push

/**
 * @typedef {{ from: string, to: string, timeZone: string }} DoNotDisturb `22:00`
 * @typedef {{ preview: "full" | "sender" | "none", doNotDisturb: DoNotDisturb | null, whileActive: boolean }} PushSettings
 * @typedef {"unsupported" | "denied" | "off" | "on"} PushState of this browser
 */

// --- sending

/**
 * @typedef {{ conversationId: number, receiverId?: undefined } | { receiverId: number | string, conversationId?: undefined }} Target a string is the id that the host gave to the user
 * @typedef {{ id: string, conversationId?: number }} Forward
 * @typedef {Partial<Attachment> & { mediaId: string }} NamedMedia
 * @typedef {Target & { message?: string, attachments?: NamedMedia[], replyTo?: string, forward?: Forward, kind?: string, metadata?: Metadata }} Outgoing
 * @typedef {"sending" | "accepted" | "stored" | "failed"} SendingStatus `accepted`: being delivered, but not yet stored
 * @typedef {{
 *   id: string, conversationId?: number, receiverId?: number | string, senderId: number, kind: string,
 *   message: string, attachments: NamedMedia[], replyTo?: string, forward?: Forward, metadata?: Metadata,
 *   sentAt: string, status: SendingStatus, seq?: number,
 * }} OwnMessage a message that this user sends, ready to show at once; has a `seq` when it is stored
 * @typedef {{ id: string, message: OwnMessage, saved: Promise<void>, done: Promise<Ack> }} Sent
 * @typedef {{ code: string, message: string, status?: number, errors?: FieldError[] }} Refusal
 * @typedef {Omit<ReceivedMessage, "seq"> & { seq?: number, status?: Message["status"] | SendingStatus, error?: Refusal }} ShownMessage
 *   a message of a view: from a history, from an event, or one's own that has no `seq` yet
 * @typedef {{
 *   id: string, conversationId?: number, status: SendingStatus, message: OwnMessage, error?: Refusal,
 *   seq?: number, sentAt?: string,
 * }} MessageStatus
 * @typedef {{ id: string, conversationId?: number, status: SendingStatus, message: OwnMessage, error?: Refusal }} OutboxEntry
 */

// --- the connection

/**
 * @typedef {"websocket" | "sse" | "long-poll"} Transport
 * @typedef {{
 *   status: "offline" | "connecting" | "online", transport: Transport | null, retryInMs?: number,
 *   error?: import("./errors.js").ParleyError,
 * }} State
 * @typedef {{ conversationId: number, count: number }} UnreadCount
 * @typedef {{
 *   maxText: number, maxGroupName: number, maxGroupDescription: number, maxDisplayName: number,
 *   maxReportNote: number, editSeconds: number, maxGroupMembers: number, maxAttachments: number, maxFrameBytes: number,
 *   maxImageBytes: number, maxAudioBytes: number, maxVideoBytes: number, maxFileBytes: number, media: boolean, email: boolean,
 * }} Limits of this server; text lengths in characters
 * @typedef {{ userId: number, sessionId: string, cursor: string, unread: UnreadCount[], limits: Limits }} Joined
 * @typedef {{ cursor: string }} Resync
 * @typedef {{ field: string, message: string }} FieldError
 * @typedef {{ code: string, message: string, retryAfter?: number, errors?: FieldError[], length?: number }} ErrorData `retryAfter` in seconds; `length` of a stream's text
 */

// --- events

/**
 * @typedef {{
 *   receive_message: ReceivedMessage, message_updated: ReceivedMessage, message_append: MessageAppend,
 *   message_deleted: MessageDeleted, reaction: ReactionShown, message_pinned: MessagePinned,
 *   message_starred: MessageStarred, message_delivered: MarkMoved, message_read: MarkMoved,
 *   conversation_updated: ConversationNow, conversation_settings: ConversationSettings,
 *   conversation_cleared: ConversationCleared, draft_updated: DraftNow, media_ready: MediaReady,
 *   media_failed: MediaFailed, media_progress: MediaProgress, typing: Typing, custom: CustomEvent,
 *   presence: Presence, user_updated: UserUpdated, request_updated: RequestNow, joined: Joined, unread_messages: UnreadMessages,
 *   resync: Resync, error: ErrorData, state: State, message_status: MessageStatus,
 *   discarded: { id: string, conversationId?: number },
 *   signed_out: {},
 *   closed: {},
 *   open_conversation: { conversationId: number },
 * }} EventMap the data of each event
 * @typedef {keyof EventMap} EventName
 * @typedef {{ [K in EventName]: [data: EventMap[K], name: K] }[EventName]} AnyEvent
 */

/**
 * @template {EventName | "*"} K
 * @typedef {[K] extends ["*"] ? (...event: AnyEvent) => unknown : (data: EventMap[Exclude<K, "*">], name: Exclude<K, "*">) => unknown} Handler
 */

export {};
