/**
 * `externalId` is the id that the host gave; `lastSeen`, `status` and `doNotDisturbUntil` only if you may see them
 */
export type User = {
    id: number;
    externalId?: string;
    username: string;
    displayName: string;
    avatarUrl?: string;
    lastSeen?: string;
    status?: Status;
    doNotDisturbUntil?: string;
    metadata?: Metadata;
};
export type Status = {
    text?: string;
    emoji?: string;
    until?: string;
};
/**
 * who may add you to a group without asking you
 */
export type MayAddMe = "everyone" | "contacts" | "nobody";
/**
 * who may begin a direct conversation with you without asking you
 */
export type MayWriteToMe = "everyone" | "contacts" | "nobody";
/**
 * your own
 */
export type Profile = User & {
    lastSeenVisible: LastSeenVisible;
    mayAddMe: MayAddMe;
    mayWriteToMe: MayWriteToMe;
    hideBlockedMessages: boolean;
    locale: string | null;
    email?: string;
    secondFactor: boolean;
};
export type LastSeenVisible = "everyone" | "contacts" | "nobody";
export type SignIn = {
    id: string;
    createdAt: string;
    lastUsedAt: string;
    current: boolean;
    deviceName: string | null;
    network: string | null;
};
/**
 * null removes a value
 */
export type ProfilePatch = {
    displayName?: string;
    avatarUrl?: string | null;
    lastSeenVisible?: LastSeenVisible;
    mayAddMe?: MayAddMe;
    mayWriteToMe?: MayWriteToMe;
    hideBlockedMessages?: boolean;
    status?: Status | null;
    doNotDisturbUntil?: string | null;
    locale?: string | null;
};
export type UserList = {
    users: User[];
};
export type Presence = {
    userId: number;
    externalId?: string;
    status: "online" | "offline";
    lastSeen: string | null;
};
/**
 * `all` comes without other fields, after a long absence: read all users that you show again
 */
export type UserUpdated = {
    userId?: number;
    externalId?: string;
    displayName?: string;
    avatarUrl?: string | null;
    status?: Status | null;
    doNotDisturbUntil?: string | null;
    metadata?: Metadata;
    deleted?: boolean;
    all?: boolean;
};
export type Typing = {
    conversationId: number;
    userId: number;
    typing: boolean;
};
/**
 * an event of your application, from another member
 */
export type CustomEvent = {
    conversationId: number;
    userId: number;
    type: string;
    data: any;
};
/**
 * a message in an event. Without `reactions` they have not changed; with `deletedAt` there is no content;
 *   while it is `streaming`, `length` characters (code points) have arrived, and `message_append` brings more
 */
export type ReceivedMessage = {
    id: string;
    conversationId: number;
    seq: number;
    senderId: number | null;
    receiverId?: number;
    kind: string;
    message?: string;
    attachments?: Attachment[];
    replyTo?: string;
    quoted?: Quoted;
    mentions?: number[];
    mentionsAll?: true;
    mentionsOnline?: true;
    forwarded?: Forwarded;
    system?: System;
    silent?: true;
    imported?: true;
    metadata?: Metadata;
    streaming?: true;
    length?: number;
    sentAt: string;
    editedAt?: string;
    pinnedAt?: string;
    deletedAt?: string;
    starred?: true;
    reactions?: Reaction[];
};
/**
 * a message from the history
 */
export type Message = ReceivedMessage & {
    reactions: Reaction[];
    status: "accepted" | "stored" | "delivered" | "read";
    receipts?: ReceiptCounts;
};
/**
 * `highlights`: `[start, length]` in the snippet
 */
export type FoundMessage = Message & {
    snippet: string;
    highlights: number[][];
};
/**
 * ascending
 */
export type MessageList = {
    messages: Message[];
    hasMore: boolean;
};
/**
 * `seq` and `hasMoreAfter` answer `around` and `at`
 */
export type HistoryPage = MessageList & {
    seq?: number;
    hasMoreAfter?: boolean;
};
/**
 * last pinned first
 */
export type PinnedMessages = MessageList & {
    cursor?: string;
};
/**
 * newest first
 */
export type MediaMessages = MessageList & {
    cursor?: string;
};
/**
 * last starred first
 */
export type StarredMessages = MessageList & {
    cursor?: string;
};
/**
 * oldest first
 */
export type UnreadMessages = MessageList;
/**
 * newest first
 */
export type FoundMessages = {
    messages: FoundMessage[];
    hasMore: boolean;
    cursor?: string;
};
/**
 * your application's own data: JSON of at most 4 KiB and five levels
 */
export type Metadata = {
    [name: string]: any;
};
export type Quoted = {
    id: string;
    seq: number;
    senderId: number | null;
    message?: string;
};
export type Forwarded = {
    senderId: number | null;
    sentAt: string;
};
export type Reaction = {
    emoji: string;
    count: number;
    mine: boolean;
};
export type ReceiptCounts = {
    delivered: number;
    read: number;
};
/**
 * what happened in the group, in a message of kind `system`
 */
export type System = {
    type: "created" | "joined" | "left";
} | {
    type: "added" | "removed";
    userIds: number[];
} | {
    type: "role";
    userId: number;
    role: Role;
} | {
    type: "info";
    name?: string;
    description?: string | null;
    avatarUrl?: string | null;
    history?: History;
    readOnly?: boolean;
    metadata?: Metadata | null;
};
export type MessageDeleted = {
    id: string;
    conversationId: number;
    seq: number;
};
export type MessagePinned = MessageDeleted & {
    userId: number;
    on: boolean;
};
/**
 * `text` follows the first `from` characters (code points)
 */
export type MessageAppend = MessageDeleted & {
    from: number;
    text: string;
};
/**
 * only for yourself
 */
export type MessageStarred = MessageDeleted & {
    on: boolean;
};
export type ReactionShown = MessageDeleted & {
    userId: number;
    emoji: string;
    on: boolean;
};
/**
 * everything up to `seq` is delivered, or read; `moved`: how many members of a large group this event stands for
 */
export type MarkMoved = {
    conversationId: number;
    userId: number;
    seq: number;
    moved?: number;
};
export type Ack = {
    id: string;
    conversationId: number;
    seq: number;
    sentAt: string;
    status: "stored";
};
export type ChangeAck = {
    id: string;
    conversationId: number;
    seq: number;
    status: "accepted" | "stored";
};
/**
 * `length`: the characters of the text now
 */
export type AppendAck = {
    id: string;
    conversationId: number;
    length: number;
};
export type NewStream = Target & {
    id?: string;
    kind?: string;
    replyTo?: string;
    metadata?: Metadata;
};
export type MarkAck = {
    conversationId: number;
    seq: number;
    status: "accepted" | "stored";
};
export type OwnAck = {
    conversationId: number;
    status: "accepted" | "stored";
};
/**
 * `seq`: the last message that you no longer see
 */
export type ClearAck = OwnAck & {
    seq?: number;
};
export type MemberReceipt = {
    userId: number;
    delivered: boolean;
    read: boolean;
};
export type MessageReceipts = MessageDeleted & ReceiptCounts & {
    members: MemberReceipt[];
    cursor?: string;
};
export type EarlierText = {
    message: string;
    editedAt: string;
};
/**
 * oldest first
 */
export type EarlierTexts = {
    edits: EarlierText[];
    hasMore: boolean;
    cursor?: string;
};
export type ReportReason = "spam" | "harassment" | "hate" | "violence" | "sexual" | "illegal" | "other";
export type ReportTaken = {
    id: number;
    messageId: string;
    conversationId: number;
    reason: ReportReason;
    createdAt: string;
};
/**
 * `duration` in seconds; `code` says why it failed
 */
export type Attachment = {
    mediaId: string;
    status: "processing" | "ready" | "failed";
    kind: "image" | "audio" | "video" | "file";
    contentType: string;
    bytes: number;
    filename?: string;
    width?: number;
    height?: number;
    duration?: number;
    blurhash?: string;
    waveform?: number[];
    code?: string;
};
export type MediaReady = Attachment & {
    conversationId: number;
    thumbnailUrl?: string;
};
export type MediaFailed = Attachment & {
    conversationId: number;
};
export type MediaProgress = {
    mediaId: string;
    conversationId: number;
    stage: "processing" | "storing";
    width?: number;
    height?: number;
    blurhash?: string;
};
/**
 * `expiresAt` in unix seconds
 */
export type MediaAddress = {
    url: string;
    expiresAt: number;
};
export type Role = "owner" | "admin" | "member";
/**
 * the messages that new members see: all, or those since they joined
 */
export type History = "all" | "joined";
export type Member = {
    userId: number;
    role: Role;
    deliveredSeq: number;
    readSeq: number;
    joinedSeq?: number;
};
export type Conversation = {
    id: number;
    kind: "direct" | "group";
    name?: string;
    description?: string;
    avatarUrl?: string;
    history?: History;
    externalId?: string;
    readOnly?: true;
    metadata?: Metadata;
    memberCount: number;
    members?: Member[];
    lastSeq: number;
    lastMessage?: Message;
    unread: number;
    mentions: number;
    mutedUntil?: string;
    exceptMentions?: boolean;
    archived: boolean;
    pinned: boolean;
    markedUnread?: true;
    draft?: Draft;
    updatedAt: string;
};
/**
 * what you have begun to write
 */
export type Draft = {
    message: string;
    replyTo?: string;
    updatedAt: string;
};
/**
 * without text and `replyTo`, the draft was deleted
 */
export type DraftNow = Draft & {
    conversationId: number;
};
/**
 * a group's current state, without your unread counts; with `left` you are no longer a member
 */
export type ConversationNow = {
    id: number;
    kind: "direct" | "group";
    left?: true;
    name?: string;
    description?: string;
    avatarUrl?: string;
    history?: History;
    externalId?: string;
    readOnly?: true;
    metadata?: Metadata;
    memberCount?: number;
    members?: Member[];
    lastSeq?: number;
    updatedAt?: string;
};
/**
 * your own
 */
export type ConversationSettings = {
    conversationId: number;
    mutedUntil?: string | null;
    exceptMentions?: boolean;
    archived?: boolean;
    pinned?: boolean;
    markedUnread?: boolean;
};
/**
 * you no longer see its messages up to `seq`; `removed`: nor the conversation itself, until its next message
 */
export type ConversationCleared = {
    conversationId: number;
    seq: number;
    removed: boolean;
};
/**
 * newest activity first
 */
export type ConversationList = {
    conversations: Conversation[];
    cursor?: string;
};
/**
 * by `userId`
 */
export type MemberList = {
    members: Member[];
    cursor?: string;
};
/**
 * null removes a value
 */
export type InfoPatch = {
    name?: string;
    description?: string | null;
    avatarUrl?: string | null;
    history?: History;
    readOnly?: boolean;
    metadata?: Metadata | null;
};
export type NewGroup = {
    name: string;
    memberIds: number[];
    description?: string;
    avatarUrl?: string;
    history?: History;
    readOnly?: boolean;
    metadata?: Metadata;
};
export type Invite = {
    code: string;
    conversationId: number;
    createdBy: number;
    createdAt: string;
    uses: number;
    expiresAt?: string;
    maxUses?: number;
};
export type InviteList = {
    invites: Invite[];
};
/**
 * of a group to which `sender` wants to add you, or of a direct conversation in which they have written
 */
export type GroupRequest = {
    conversationId: number;
    kind: "group" | "direct";
    name: string;
    memberCount: number;
    sender: User;
    createdAt: string;
};
/**
 * newest first
 */
export type RequestList = {
    requests: GroupRequest[];
};
/**
 * a request that begins to wait, with all its fields, or no longer waits
 */
export type RequestNow = {
    conversationId: number;
    waiting: boolean;
} & Partial<GroupRequest>;
export type InvitePreview = {
    code: string;
    conversationId: number;
    memberCount: number;
    name?: string;
    description?: string;
    avatarUrl?: string;
};
export type PageQuery = {
    cursor?: string;
    limit?: number;
};
/**
 * `has`: file, image, audio, video, link,
 *  separated by commas. `before` and `after`: times, or dates in UTC
 */
export type SearchQuery = PageQuery & {
    q?: string;
    conversationId?: number;
    senderId?: number;
    has?: string;
    before?: string;
    after?: string;
} & ({
    q: string;
} | {
    senderId: number | null;
} | {
    has: string;
});
/**
 * `22:00`
 */
export type DoNotDisturb = {
    from: string;
    to: string;
    timeZone: string;
};
export type PushSettings = {
    preview: "full" | "sender" | "none";
    doNotDisturb: DoNotDisturb | null;
    whileActive: boolean;
};
/**
 * of this browser
 */
export type PushState = "unsupported" | "denied" | "off" | "on";
/**
 * a string is the id that the host gave to the user
 */
export type Target = {
    conversationId: number;
    receiverId?: undefined;
} | {
    receiverId: number | string;
    conversationId?: undefined;
};
export type Forward = {
    id: string;
    conversationId?: number;
};
export type NamedMedia = Partial<Attachment> & {
    mediaId: string;
};
export type Outgoing = Target & {
    message?: string;
    attachments?: NamedMedia[];
    replyTo?: string;
    forward?: Forward;
    kind?: string;
    metadata?: Metadata;
};
/**
 * `accepted`: being delivered, but not yet stored
 */
export type SendingStatus = "sending" | "accepted" | "stored" | "failed";
/**
 * a message that this user sends, ready to show at once; has a `seq` when it is stored
 */
export type OwnMessage = {
    id: string;
    conversationId?: number;
    receiverId?: number | string;
    senderId: number;
    kind: string;
    message: string;
    attachments: NamedMedia[];
    replyTo?: string;
    forward?: Forward;
    metadata?: Metadata;
    sentAt: string;
    status: SendingStatus;
    seq?: number;
};
export type Sent = {
    id: string;
    message: OwnMessage;
    saved: Promise<void>;
    done: Promise<Ack>;
};
export type Refusal = {
    code: string;
    message: string;
    status?: number;
    errors?: FieldError[];
};
/**
 * a message of a view: from a history, from an event, or one's own that has no `seq` yet
 */
export type ShownMessage = Omit<ReceivedMessage, "seq"> & {
    seq?: number;
    status?: Message["status"] | SendingStatus;
    error?: Refusal;
};
export type MessageStatus = {
    id: string;
    conversationId?: number;
    status: SendingStatus;
    message: OwnMessage;
    error?: Refusal;
    seq?: number;
    sentAt?: string;
};
export type OutboxEntry = {
    id: string;
    conversationId?: number;
    status: SendingStatus;
    message: OwnMessage;
    error?: Refusal;
};
export type Transport = "websocket" | "sse" | "long-poll";
export type State = {
    status: "offline" | "connecting" | "online";
    transport: Transport | null;
    retryInMs?: number;
    error?: import("./errors.js").ParleyError;
};
export type UnreadCount = {
    conversationId: number;
    count: number;
};
/**
 * of this server; text lengths in characters
 */
export type Limits = {
    maxText: number;
    maxGroupName: number;
    maxGroupDescription: number;
    maxDisplayName: number;
    maxReportNote: number;
    editSeconds: number;
    maxGroupMembers: number;
    maxAttachments: number;
    maxFrameBytes: number;
    maxImageBytes: number;
    maxAudioBytes: number;
    maxVideoBytes: number;
    maxFileBytes: number;
    media: boolean;
    email: boolean;
};
export type Joined = {
    userId: number;
    sessionId: string;
    cursor: string;
    unread: UnreadCount[];
    limits: Limits;
};
export type Resync = {
    cursor: string;
};
export type FieldError = {
    field: string;
    message: string;
};
/**
 * `retryAfter` in seconds; `length` of a stream's text
 */
export type ErrorData = {
    code: string;
    message: string;
    retryAfter?: number;
    errors?: FieldError[];
    length?: number;
};
/**
 * the data of each event
 */
export type EventMap = {
    receive_message: ReceivedMessage;
    message_updated: ReceivedMessage;
    message_append: MessageAppend;
    message_deleted: MessageDeleted;
    reaction: ReactionShown;
    message_pinned: MessagePinned;
    message_starred: MessageStarred;
    message_delivered: MarkMoved;
    message_read: MarkMoved;
    conversation_updated: ConversationNow;
    conversation_settings: ConversationSettings;
    conversation_cleared: ConversationCleared;
    draft_updated: DraftNow;
    media_ready: MediaReady;
    media_failed: MediaFailed;
    media_progress: MediaProgress;
    typing: Typing;
    custom: CustomEvent;
    presence: Presence;
    user_updated: UserUpdated;
    request_updated: RequestNow;
    joined: Joined;
    unread_messages: UnreadMessages;
    resync: Resync;
    error: ErrorData;
    state: State;
    message_status: MessageStatus;
    discarded: {
        id: string;
        conversationId?: number;
    };
    signed_out: {};
    closed: {};
    open_conversation: {
        conversationId: number;
    };
};
export type EventName = keyof EventMap;
export type AnyEvent = { [K in EventName]: [data: EventMap[K], name: K]; }[EventName];
export type Handler<K extends EventName | "*"> = [K] extends ["*"] ? (...event: AnyEvent) => unknown : (data: EventMap[Exclude<K, "*">], name: Exclude<K, "*">) => unknown;
