export type User = {
    id: number;
    username: string;
    displayName: string;
    avatarUrl?: string;
    lastSeen?: string;
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
};
export type UserList = {
    users: User[];
};
export type Presence = {
    userId: number;
    status: "online" | "offline";
    lastSeen: string | null;
};
export type Typing = {
    conversationId: number;
    userId: number;
    typing: boolean;
};
/**
 * a message in an event. Without `reactions` they have not changed; with `deletedAt` there is no content
 */
export type ReceivedMessage = {
    id: string;
    conversationId: number;
    seq: number;
    senderId: number;
    receiverId?: number;
    kind: string;
    message?: string;
    attachments?: Attachment[];
    replyTo?: string;
    quoted?: Quoted;
    mentions?: number[];
    mentionsAll?: true;
    forwarded?: Forwarded;
    system?: System;
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
 * last pinned first
 */
export type PinnedMessages = MessageList & {
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
export type Quoted = {
    id: string;
    seq: number;
    senderId: number;
    message?: string;
};
export type Forwarded = {
    senderId: number;
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
export type MarkAck = {
    conversationId: number;
    seq: number;
    status: "accepted" | "stored";
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
};
export type Conversation = {
    id: number;
    kind: "direct" | "group";
    name?: string;
    description?: string;
    avatarUrl?: string;
    history?: History;
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
    updatedAt: string;
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
};
export type NewGroup = {
    name: string;
    memberIds: number[];
    description?: string;
    avatarUrl?: string;
    history?: History;
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
export type SearchQuery = PageQuery & {
    q: string;
    conversationId?: number;
    senderId?: number;
    before?: string;
    after?: string;
};
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
export type Target = {
    conversationId: number;
    receiverId?: undefined;
} | {
    receiverId: number;
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
    receiverId?: number;
    senderId: number;
    kind: string;
    message: string;
    attachments: NamedMedia[];
    replyTo?: string;
    forward?: Forward;
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
 * `retryAfter` in seconds
 */
export type ErrorData = {
    code: string;
    message: string;
    retryAfter?: number;
    errors?: FieldError[];
};
/**
 * the data of each event
 */
export type EventMap = {
    receive_message: ReceivedMessage;
    message_updated: ReceivedMessage;
    message_deleted: MessageDeleted;
    reaction: ReactionShown;
    message_pinned: MessagePinned;
    message_starred: MessageStarred;
    message_delivered: MarkMoved;
    message_read: MarkMoved;
    conversation_updated: ConversationNow;
    conversation_settings: ConversationSettings;
    media_ready: MediaReady;
    media_failed: MediaFailed;
    media_progress: MediaProgress;
    typing: Typing;
    presence: Presence;
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
