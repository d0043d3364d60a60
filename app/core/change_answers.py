"""Answers and events about changes of messages and groups."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from app.core.answer_base import Answer, Time
from app.core.answers import Draft, Member
from app.core.commands import Id, Seq, Uuid
from app.core.message_answers import Message
from app.core.metadata import Metadata


class ChangeAck(Answer, frozen=True, kw_only=True):
    """The change is committed in Postgres. ``accepted``: Postgres did not confirm it in time."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]
    status: Literal["stored", "accepted"]


class AppendAck(Answer, frozen=True, kw_only=True):
    """``length``: the number of characters (Unicode code points) of the stream's text now."""

    id: Uuid
    conversation_id: Id
    length: Annotated[int, Meta(ge=0)]


class OwnAck(Answer, frozen=True, kw_only=True):
    """Your change of your own view of a conversation. ``accepted``: Postgres did not confirm it in time."""

    conversation_id: Id
    status: Literal["stored", "accepted"]


class ClearAck(OwnAck, frozen=True, kw_only=True):
    """``seq`` is the last message that you no longer see. It is absent if there is none, and with ``accepted``."""

    seq: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class MemberList(Answer, frozen=True, kw_only=True):
    """By user id. ``cursor`` is set if there are more."""

    members: list[Member]
    cursor: str | UnsetType = UNSET


class MemberReceipt(Answer, frozen=True, kw_only=True):
    user_id: Id
    delivered: bool
    read: bool


class MessageReceipts(Answer, frozen=True, kw_only=True):
    """The number of members, without the sender, who have received and read the message; and a page by user id."""

    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]
    delivered: int
    read: int
    members: list[MemberReceipt]
    cursor: str | UnsetType = UNSET


class EarlierText(Answer, frozen=True, kw_only=True):
    """The text of a message until ``editedAt``."""

    message: str
    edited_at: Time


class EarlierTexts(Answer, frozen=True, kw_only=True):
    """Oldest first. If ``hasMore`` is true, ``cursor`` is the ``before`` of the page of older ones."""

    edits: list[EarlierText]
    has_more: bool
    cursor: str | UnsetType = UNSET


class PinnedMessages(Answer, frozen=True, kw_only=True):
    """Last pinned first. If ``hasMore`` is true, ``cursor`` is the ``before`` of the next page."""

    messages: list[Message]
    has_more: bool
    cursor: str | UnsetType = UNSET


class Invite(Answer, frozen=True, kw_only=True):
    """Valid until ``expiresAt``, for ``maxUses``, or until it is revoked."""

    code: str
    conversation_id: Id
    created_by: Id
    created_at: Time
    uses: int
    expires_at: Time | UnsetType = UNSET
    max_uses: int | UnsetType = UNSET


class InviteList(Answer, frozen=True, kw_only=True):
    invites: list[Invite]


class InvitePreview(Answer, frozen=True, kw_only=True):
    code: str
    conversation_id: Id
    member_count: int
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    avatar_url: str | UnsetType = UNSET


# --- events


class ReactionShown(Answer, frozen=True, kw_only=True):
    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]
    user_id: Id
    emoji: str
    on: bool


class MessagePinned(Answer, frozen=True, kw_only=True):
    id: Uuid
    conversation_id: Id
    seq: Annotated[int, Meta(ge=1)]
    user_id: Id
    on: bool


class ConversationNow(Answer, frozen=True, kw_only=True):
    """Without your own counts. ``members`` is set up to 100 members. ``left``: you are no longer a member."""

    id: Id
    kind: Literal["direct", "group"]
    left: Literal[True] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    avatar_url: str | UnsetType = UNSET
    history: Literal["all", "joined"] | UnsetType = UNSET
    external_id: str | UnsetType = UNSET
    read_only: Literal[True] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    member_count: int | UnsetType = UNSET
    last_seq: Seq | UnsetType = UNSET
    updated_at: Time | UnsetType = UNSET
    members: list[Member] | UnsetType = UNSET


class SettingsNow(Answer, frozen=True, kw_only=True):
    """Absent fields have not changed. ``mutedUntil`` is null if the conversation is not muted."""

    conversation_id: Id
    muted_until: Time | UnsetType | None = UNSET
    except_mentions: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    marked_unread: bool | UnsetType = UNSET


class ConversationCleared(Answer, frozen=True, kw_only=True):
    """You no longer see the messages up to and including ``seq``. ``removed``: you do not see the conversation either,
    until its next message.
    """

    conversation_id: Id
    seq: Seq
    removed: bool


class DraftNow(Draft, frozen=True, kw_only=True):
    """Without text and ``replyTo``, the draft was deleted. Only the user's own sessions get it."""

    conversation_id: Id
