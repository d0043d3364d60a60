"""The types of answers and events: the OpenAPI and AsyncAPI documents are generated from them.

On the hot path, answers are written as bytes or plain dicts; tests/integration/test_documents.py compares what a
running server sends with them. Fields that may be absent are ``UnsetType``. Later releases may add fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from app.core.answer_base import Answer, Time
from app.core.commands import Id, Seq, Uuid
from app.core.errors import all_errors
from app.core.message_answers import Message
from app.core.metadata import Metadata
from app.core.user_status import StatusView

Cursor = Annotated[str, Meta(description="A position in the stream of events; opaque")]
ErrorCode = Annotated[
    str,
    Meta(
        description="Stable; never changes its meaning",
        extra_json_schema={"enum": sorted(error.code for error in all_errors())},
    ),
]
RetryAfter = Annotated[float, Meta(ge=0, description="Seconds; with rate_limited and overloaded")]


# --- acks


class Ack(Answer, frozen=True, kw_only=True):
    """The message is committed in Postgres. Sending it again with the same id returns this ack again."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1, description="1, 2, 3 … within the conversation")]
    sent_at: Time
    status: Literal["stored"]


class Accepted(Answer, frozen=True, kw_only=True):
    """The message is in the log; Postgres did not confirm it in time. Send it again with the same id for its ack."""

    id: Uuid
    conversation_id: Id | None
    status: Literal["accepted"]
    seq: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    sent_at: Time | UnsetType = UNSET


class MarkAck(Answer, frozen=True, kw_only=True):
    """``seq`` is the position of the mark, at most the last message; in groups of over 100 the mark may be further.
    ``accepted``: Postgres did not confirm it in time, and ``seq`` is the requested position.
    """

    conversation_id: Id
    seq: Seq
    status: Literal["stored", "accepted"]


class AuthenticateAck(Answer, frozen=True, kw_only=True):
    """The session may continue until ``expiresAt`` (unix seconds)."""

    expires_at: int


# --- conversations


class Member(Answer, frozen=True, kw_only=True):
    """``joinedSeq``: the message with which they joined, or 0 if they were there from the beginning. Live events and
    the server API leave it out.
    """

    user_id: Id
    role: Literal["owner", "admin", "member"]
    delivered_seq: Seq
    read_seq: Seq
    joined_seq: Seq | UnsetType = UNSET


class Draft(Answer, frozen=True, kw_only=True):
    """A text that you have begun to write, and the id of the message that it answers."""

    message: str
    updated_at: Time
    reply_to: Uuid | UnsetType = UNSET


class Conversation(Answer, frozen=True, kw_only=True):
    """A conversation as one member sees it. ``exceptMentions`` is set together with ``mutedUntil``."""

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
    external_id: str | UnsetType = UNSET
    read_only: Literal[True] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    members: list[Member] | UnsetType = UNSET
    last_message: Message | UnsetType = UNSET
    muted_until: Time | UnsetType = UNSET
    except_mentions: bool | UnsetType = UNSET
    draft: Draft | UnsetType = UNSET
    marked_unread: Literal[True] | UnsetType = UNSET


class ConversationList(Answer, frozen=True, kw_only=True):
    """Newest activity first. ``cursor`` is set if there are more."""

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
    max_file_bytes: Annotated[int, Meta(description="Bytes of an upload that is not an image, audio or video")]
    max_frame_bytes: Annotated[int, Meta(description="Bytes of one WebSocket message")]
    media: Annotated[bool, Meta(description="Whether files can be sent")]
    email: Annotated[bool, Meta(description="Whether the deployment sends e-mail, such as links to reset a password")]


class Joined(Answer, frozen=True, kw_only=True):
    """The session has begun. ``unread`` lists the conversations that have unread messages."""

    user_id: Id
    session_id: str
    cursor: Cursor
    unread: list[UnreadCount]
    limits: Limits


class Presence(Answer, frozen=True, kw_only=True):
    """``lastSeen`` is null for a user who was never online, or who hides it. ``externalId`` is in the answer to
    ``presence_subscribe`` if the command named the user by it.
    """

    user_id: Id
    external_id: str | UnsetType = UNSET
    status: Literal["online", "offline"]
    last_seen: Time | None


class UserUpdated(Answer, frozen=True, kw_only=True):
    """Somebody has a new name, avatar or status, or their account was deleted (``deleted``). ``avatarUrl``, ``status``
    and ``doNotDisturbUntil`` are null if there is none, or if you may not see it.

    ``all`` comes without other fields, if more people changed than a resume lists: read the users that you show again.
    """

    user_id: Id | UnsetType = UNSET
    external_id: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    avatar_url: str | UnsetType | None = UNSET
    status: StatusView | UnsetType | None = UNSET
    do_not_disturb_until: Time | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    all: bool | UnsetType = UNSET


class PresenceList(Answer, frozen=True, kw_only=True):
    """One entry for each requested user."""

    presence: list[Presence]


class TypingShown(Answer, frozen=True, kw_only=True):
    """A member started or stopped typing. This is not stored; clients let it expire after some seconds."""

    conversation_id: Id
    user_id: Id
    typing: bool


class MarkMoved(Answer, frozen=True, kw_only=True):
    """Everything up to and including ``seq``. A mark only moves forward."""

    conversation_id: Id
    user_id: Id
    seq: Seq
    moved: (
        Annotated[int, Meta(description="For a large group: how many marks moved; this is the furthest")] | UnsetType
    ) = UNSET


class Resync(Answer, frozen=True, kw_only=True):
    """Missed events cannot be replayed, or a conversation that was held back is shown now. Continue from ``cursor`` and
    fetch unread messages: nothing is lost.
    """

    cursor: Cursor


class Pong(Answer, frozen=True, kw_only=True):
    """The session is alive, and everything sent before the ping was received."""


class Event(Answer, frozen=True, kw_only=True):
    """One event, as a WebSocket frame and as an element of a poll. Events of the stream have a cursor."""

    event: str
    data: dict[str, Any]
    cursor: Cursor | UnsetType = UNSET


class Polled(Answer, frozen=True, kw_only=True):
    """``cursor`` is the client's position after these events."""

    cursor: Cursor
    events: list[Event]


# --- errors and health


class FieldError(Answer, frozen=True, kw_only=True):
    field: str
    message: str


StreamLength = Annotated[int, Meta(ge=0, description="of a refused append: the characters of the stream's text now")]


class ErrorData(Answer, frozen=True, kw_only=True):
    """The reason why a command was refused or, without a ``ref``, why the session ends."""

    code: ErrorCode
    message: Annotated[str, Meta(description="A sentence for developers")]
    retry_after: RetryAfter | UnsetType = UNSET
    errors: list[FieldError] | UnsetType = UNSET
    length: StreamLength | UnsetType = UNSET


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
    length: StreamLength | UnsetType = UNSET
    challenge: Annotated[str, Meta(description="`second_factor_required`: for the code")] | UnsetType = UNSET
    reason: Annotated[str, Meta(description="`suspended`: the reason, if one was given")] | UnsetType = UNSET
    until: Annotated[Time, Meta(description="`suspended`: the end, if there is one")] | UnsetType = UNSET
    missing: Annotated[list[str], Meta(description="/readyz: the services that do not answer")] | UnsetType = UNSET


class Health(Answer, frozen=True, kw_only=True):
    status: Literal["ok"]
