"""What the server answers and sends: the source of the OpenAPI and AsyncAPI documents.

On the hot path answers are written as bytes or plain dicts; tests/integration/test_documents.py holds what a running
server sends against these types. Members that may be absent are ``UnsetType``; later releases may add members.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.commands import Id, Seq, Uuid
from app.core.errors import all_errors

Time = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, milliseconds",
        extra_json_schema={"format": "date-time"},
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
    ),
]
Cursor = Annotated[str, Meta(description="A position in the stream of events; opaque")]
ErrorCode = Annotated[
    str,
    Meta(
        description="Stable; never changes its meaning",
        extra_json_schema={"enum": sorted(error.code for error in all_errors())},
    ),
]
RetryAfter = Annotated[float, Meta(ge=0, description="Seconds; with rate_limited and overloaded")]


class Answer(Struct, rename="camel", frozen=True, kw_only=True):
    """Base of all answers."""


# --- acks


class Ack(Answer, frozen=True, kw_only=True):
    """The message is committed in Postgres and never lost; sent again under the same id it gives this ack again."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1, description="1, 2, 3 … within the conversation")]
    sent_at: Time
    status: Literal["stored"]


class Accepted(Answer, frozen=True, kw_only=True):
    """In the log; Postgres did not confirm it in time. Send it again under the same id for its ack."""

    id: Uuid
    conversation_id: Id | None
    status: Literal["accepted"]
    seq: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    sent_at: Time | UnsetType = UNSET


class MarkAck(Answer, frozen=True, kw_only=True):
    """``seq`` is where the mark stands, at most at the last message; in groups of over 100 it may stand further on.
    ``accepted``: Postgres did not confirm it in time, and ``seq`` is what was asked for.
    """

    conversation_id: Id
    seq: Seq
    status: Literal["stored", "accepted"]


class AuthenticateAck(Answer, frozen=True, kw_only=True):
    """The session goes on until ``expiresAt`` (unix seconds)."""

    expires_at: int


# --- messages


class AttachmentView(Answer, frozen=True, kw_only=True):
    """A medium as it now is. What is not known of it (yet) is absent; ``code`` stands where it failed."""

    media_id: Uuid
    status: Literal["processing", "ready", "failed"]
    kind: Literal["image", "audio", "video", "file"]
    content_type: str
    bytes: int
    filename: str | UnsetType = UNSET
    width: Annotated[int, Meta(description="Pixels, as it is to be shown")] | UnsetType = UNSET
    height: int | UnsetType = UNSET
    duration: Annotated[float, Meta(description="Seconds, of sound and video")] | UnsetType = UNSET
    blurhash: (
        Annotated[str, Meta(description="Of images and videos, to be shown until they are loaded")] | UnsetType
    ) = UNSET
    waveform: Annotated[list[int], Meta(description="Of sound: 64 numbers of 0 to 100")] | UnsetType = UNSET
    code: Annotated[str, Meta(description="Why it failed")] | UnsetType = UNSET


class Reaction(Answer, frozen=True, kw_only=True):
    emoji: str
    count: int
    mine: bool


class Quoted(Answer, frozen=True, kw_only=True):
    """The beginning of what a message replies to; without text where that is deleted."""

    id: Uuid
    seq: Annotated[int, Meta(ge=1)]
    sender_id: Id
    message: str | UnsetType = UNSET


class Forwarded(Answer, frozen=True, kw_only=True):
    """Who said first what is passed on, and when."""

    sender_id: Id
    sent_at: Time


class ReceivedMessage(Answer, frozen=True, kw_only=True):
    """A message as it is sent to the members. A deleted one has ``deletedAt`` and no content.

    ``system`` tells, in messages of that kind, what became of the group. ``reactions`` stand in what is replayed.
    """

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1, description="1, 2, 3 … within the conversation")]
    sender_id: Id
    kind: str
    sent_at: Time
    receiver_id: Id | UnsetType = UNSET
    message: str | UnsetType = UNSET
    attachments: list[AttachmentView] | UnsetType = UNSET
    reply_to: Uuid | UnsetType = UNSET
    quoted: Quoted | UnsetType = UNSET
    mentions: list[Id] | UnsetType = UNSET
    mentions_all: Literal[True] | UnsetType = UNSET
    forwarded: Forwarded | UnsetType = UNSET
    system: dict[str, Any] | UnsetType = UNSET
    edited_at: Time | UnsetType = UNSET
    pinned_at: Time | UnsetType = UNSET
    deleted_at: Time | UnsetType = UNSET
    reactions: list[Reaction] | UnsetType = UNSET


class ReceiptCounts(Answer, frozen=True, kw_only=True):
    """Of one's own message in a group of at most 100: how many others have it, and have read it."""

    delivered: int
    read: int


class Message(ReceivedMessage, frozen=True, kw_only=True):
    """A message with what became of it: accepted, stored, delivered (to every other member), read (by all of them)."""

    status: Literal["accepted", "stored", "delivered", "read"]
    reactions: list[Reaction]
    receipts: ReceiptCounts | UnsetType = UNSET


class UnreadMessages(Answer, frozen=True, kw_only=True):
    """What others sent and the user has not read, oldest first. Fetching marks it delivered, never read; ``status``
    says so already.
    """

    messages: list[Message]
    has_more: bool


class MessageList(Answer, frozen=True, kw_only=True):
    """Ascending by seq. ``hasMore`` in the direction asked for."""

    messages: list[Message]
    has_more: bool


# --- conversations


class Member(Answer, frozen=True, kw_only=True):
    user_id: Id
    role: Literal["owner", "admin", "member"]
    delivered_seq: Seq
    read_seq: Seq


class Conversation(Answer, frozen=True, kw_only=True):
    """A conversation as one member sees it. ``name`` and ``mutedUntil`` stand where they are set; with the latter
    ``exceptMentions``.
    """

    id: Id
    kind: Literal["direct", "group"]
    member_count: int
    last_seq: Seq
    unread: int
    mentions: int
    updated_at: Time
    archived: bool
    pinned: bool
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    avatar_url: str | UnsetType = UNSET
    history: Literal["all", "joined"] | UnsetType = UNSET
    members: list[Member] | UnsetType = UNSET
    last_message: Message | UnsetType = UNSET
    muted_until: Time | UnsetType = UNSET
    except_mentions: bool | UnsetType = UNSET


class ConversationList(Answer, frozen=True, kw_only=True):
    """Newest activity first. ``cursor`` stands where there is more."""

    conversations: list[Conversation]
    cursor: str | UnsetType = UNSET


# --- sessions and people


class UnreadCount(Answer, frozen=True, kw_only=True):
    conversation_id: Id
    count: Annotated[int, Meta(ge=1)]


class Limits(Answer, frozen=True, kw_only=True):
    """The limits that this deployment applies, for clients to check before they send. Lengths are in characters."""

    max_text: Annotated[int, Meta(description="Characters of a message")]
    edit_seconds: Annotated[int, Meta(description="How long authors may edit and delete a message")]
    max_group_members: int
    max_group_name: int
    max_group_description: int
    max_display_name: int
    max_report_note: int
    max_attachments: Annotated[int, Meta(description="Attachments of a message")]
    max_image_bytes: int
    max_audio_bytes: int
    max_video_bytes: int
    max_file_bytes: Annotated[int, Meta(description="Bytes of an upload that is no image, audio or video")]
    max_frame_bytes: Annotated[int, Meta(description="Bytes of one WebSocket message")]


class Joined(Answer, frozen=True, kw_only=True):
    """The session has begun. ``unread`` lists the conversations that have unread messages."""

    user_id: Id
    session_id: str
    cursor: Cursor
    unread: list[UnreadCount]
    limits: Limits


class Presence(Answer, frozen=True, kw_only=True):
    """``lastSeen`` is null for somebody who was never online."""

    user_id: Id
    status: Literal["online", "offline"]
    last_seen: Time | None


class PresenceList(Answer, frozen=True, kw_only=True):
    """Of each who was asked for."""

    presence: list[Presence]


class TypingShown(Answer, frozen=True, kw_only=True):
    """A member began or ceased to type. Kept nowhere; a client lets it lapse after some seconds."""

    conversation_id: Id
    user_id: Id
    typing: bool


class MarkMoved(Answer, frozen=True, kw_only=True):
    """Everything up to and with ``seq``; only ever moves forward."""

    conversation_id: Id
    user_id: Id
    seq: Seq
    moved: Annotated[int, Meta(description="Of a large group: how many moved; this is the furthest")] | UnsetType = (
        UNSET
    )


class MessageDeleted(Answer, frozen=True, kw_only=True):
    """The message under this seq has no content any more, or could never be stored."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]


class Resync(Answer, frozen=True, kw_only=True):
    """What was missed cannot be replayed. Go on from ``cursor`` and fetch what is unread: nothing is lost."""

    cursor: Cursor


class Pong(Answer, frozen=True, kw_only=True):
    """The session is alive, and all that was sent before the ping has been taken."""


class Event(Answer, frozen=True, kw_only=True):
    """One event, as a WebSocket frame and as an element of a poll. Events of the stream carry a cursor."""

    event: str
    data: dict[str, Any]
    cursor: Cursor | UnsetType = UNSET


class Polled(Answer, frozen=True, kw_only=True):
    """``cursor`` is where the client stands once it has these events."""

    cursor: Cursor
    events: list[Event]


# --- errors and health


class FieldError(Answer, frozen=True, kw_only=True):
    field: str
    message: str


class ErrorData(Answer, frozen=True, kw_only=True):
    """Why a command was refused; or, without a ``ref``, why the session ends."""

    code: ErrorCode
    message: Annotated[str, Meta(description="A sentence for developers")]
    retry_after: RetryAfter | UnsetType = UNSET
    errors: list[FieldError] | UnsetType = UNSET


class Problem(Answer, frozen=True, kw_only=True):
    """RFC 9457, as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: ErrorCode
    request_id: str
    retry_after: RetryAfter | UnsetType = UNSET
    errors: list[FieldError] | UnsetType = UNSET
    missing: Annotated[list[str], Meta(description="/readyz: what does not answer")] | UnsetType = UNSET


class Health(Answer, frozen=True, kw_only=True):
    status: Literal["ok"]
