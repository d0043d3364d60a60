"""The types of messages, as answers and events have them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from app.core.answer_base import Answer, Time
from app.core.commands import Id, Uuid
from app.core.metadata import Metadata


class AttachmentView(Answer, frozen=True, kw_only=True):
    """The present state of a medium. Unknown fields are absent. ``code`` is set if the processing failed."""

    media_id: Uuid
    status: Literal["processing", "ready", "failed"]
    kind: Literal["image", "audio", "video", "file"]
    content_type: str
    bytes: int
    filename: str | UnsetType = UNSET
    width: Annotated[int, Meta(description="Pixels, as displayed")] | UnsetType = UNSET
    height: int | UnsetType = UNSET
    duration: Annotated[float, Meta(description="Seconds, for sound and video")] | UnsetType = UNSET
    blurhash: (
        Annotated[str, Meta(description="For images and videos, to display until they are loaded")] | UnsetType
    ) = UNSET
    waveform: Annotated[list[int], Meta(description="For sound: 64 numbers from 0 to 100")] | UnsetType = UNSET
    code: Annotated[str, Meta(description="The reason for the failure")] | UnsetType = UNSET


class Reaction(Answer, frozen=True, kw_only=True):
    emoji: str
    count: int
    mine: bool


class Quoted(Answer, frozen=True, kw_only=True):
    """The beginning of the message that is replied to; without text if that message is deleted."""

    id: Uuid
    seq: Annotated[int, Meta(ge=1)]
    sender_id: Id | None
    message: str | UnsetType = UNSET


class Forwarded(Answer, frozen=True, kw_only=True):
    """The first sender of a forwarded message, and the time."""

    sender_id: Id | None
    sent_at: Time


class ReceivedMessage(Answer, frozen=True, kw_only=True):
    """A message as the members get it. A deleted one has ``deletedAt`` and no content.

    ``system`` describes the change of the group in messages of that kind. ``reactions`` and ``starred`` are only in
    replayed messages.
    """

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1, description="1, 2, 3 … within the conversation")]
    sender_id: Annotated[Id, Meta(description="Null if the host's server sent it in its own name")] | None
    kind: str
    sent_at: Time
    receiver_id: Id | UnsetType = UNSET
    message: str | UnsetType = UNSET
    attachments: list[AttachmentView] | UnsetType = UNSET
    reply_to: Uuid | UnsetType = UNSET
    quoted: Quoted | UnsetType = UNSET
    mentions: list[Id] | UnsetType = UNSET
    mentions_all: Literal[True] | UnsetType = UNSET
    mentions_online: Literal[True] | UnsetType = UNSET
    forwarded: Forwarded | UnsetType = UNSET
    system: dict[str, Any] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    silent: Literal[True] | UnsetType = UNSET
    streaming: Literal[True] | UnsetType = UNSET
    length: int | UnsetType = UNSET
    imported: Literal[True] | UnsetType = UNSET
    edited_at: Time | UnsetType = UNSET
    pinned_at: Time | UnsetType = UNSET
    deleted_at: Time | UnsetType = UNSET
    starred: Literal[True] | UnsetType = UNSET
    reactions: list[Reaction] | UnsetType = UNSET


class ReceiptCounts(Answer, frozen=True, kw_only=True):
    """For your own message in a group of at most 100: how many other members have received and read it."""

    delivered: int
    read: int


class Message(ReceivedMessage, frozen=True, kw_only=True):
    """A message with its status: accepted, stored, delivered (to every other member), read (by all of them)."""

    status: Literal["accepted", "stored", "delivered", "read"]
    reactions: list[Reaction]
    receipts: ReceiptCounts | UnsetType = UNSET


class UnreadMessages(Answer, frozen=True, kw_only=True):
    """Unread messages of others, oldest first. Fetching marks them delivered, never read; ``status`` includes this."""

    messages: list[Message]
    has_more: bool


class MessageList(Answer, frozen=True, kw_only=True):
    """Ascending by seq. ``hasMore`` is about the requested direction."""

    messages: list[Message]
    has_more: bool


class HistoryPage(MessageList, frozen=True, kw_only=True):
    """With ``around`` and ``at``, ``seq`` is the message at that place, ``hasMore`` refers to earlier messages, and
    ``hasMoreAfter`` to later ones.
    """

    seq: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    has_more_after: bool | UnsetType = UNSET


class MessageDeleted(Answer, frozen=True, kw_only=True):
    """The message was deleted, or it could not be stored."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]


class MessageAppend(Answer, frozen=True, kw_only=True):
    """``text`` follows the first ``from`` characters (Unicode code points) of the message."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]
    from_: Annotated[int, Meta(ge=0)] = field(name="from")
    text: str


class MessageStarred(Answer, frozen=True, kw_only=True):
    """Only the user's own sessions get it."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]
    on: bool


class StarredMessages(Answer, frozen=True, kw_only=True):
    """Last starred first. If ``hasMore`` is true, ``cursor`` is the ``before`` of the next page."""

    messages: list[Message]
    has_more: bool
    cursor: str | UnsetType = UNSET


class MediaMessages(Answer, frozen=True, kw_only=True):
    """Newest first. If ``hasMore`` is true, ``cursor`` is the ``before`` of the next page; a page may be partial."""

    messages: list[Message]
    has_more: bool
    cursor: str | UnsetType = UNSET
