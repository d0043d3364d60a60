"""Records of the log and what travels on the bus: arrays in MessagePack, as append.lua writes them.

A record is ``[kind, conversation, seq, version, sent_ms, user, id, body, session, gateway]``. ``body`` is the part of a
message's JSON that its sender decided (id, senderId, message, kind, attachments, replyTo …), written once by the
gateway that took it and never parsed again on the way to the receivers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder().decode


class Kind(IntEnum):
    MESSAGE = 1
    DELIVERED = 2
    READ = 3
    TYPING = 4
    PRESENCE = 5
    STORED = 6
    REFUSED = 7
    REVOKED = 8
    SEEN = 9
    EDITED = 10
    DELETED = 11
    REACTED = 12
    PINNED = 13
    HIDDEN = 14  # deleted for oneself
    SETTINGS = 15  # one's own, of a conversation
    RECEIPT_BATCH = 16  # many marks of a large conversation
    BLOCKED_MESSAGE = 17  # a message that the receiver, who has blocked its sender, is not to see
    GROUP_CHANGED = 18  # a group's members, roles or name: a system message with what it does
    BLOCKED = 19
    LAST_SEEN_HIDDEN = 20  # a user shows fewer people when they were last online
    MEDIA = 21  # a medium is ready, or failed
    MEDIA_RESOLVED = 22  # a message as it now is, since a medium that it names ended
    PROGRESS = 23  # of a medium; never logged


class Record(NamedTuple):
    kind: int
    conversation_id: int
    seq: int
    version: int
    sent_ms: int
    user_id: int
    id: str
    body: str
    session_id: str
    gateway: str

    def is_message_for(self, user_id: int) -> bool:
        """Whether it is a message that this member sees."""
        return self.kind in (Kind.MESSAGE, Kind.GROUP_CHANGED) or (
            self.kind == Kind.BLOCKED_MESSAGE and self.user_id == user_id
        )


def unpack_records(blob: bytes) -> list[Record]:
    """The records of one log entry. Raise ValueError where it is not what append.lua wrote."""
    try:
        rows: Any = unpack(blob)
        return [Record(*row) for row in rows]
    except (msgspec.DecodeError, TypeError) as error:
        raise ValueError(f"not a log entry: {error}") from None


def unpack_record(blob: bytes) -> Record:
    return Record(*unpack(blob))


class MessageBody(msgspec.Struct, rename="camel"):
    """What a sender decides of a message. ``receiverId`` stands in direct conversations alone."""

    id: str
    sender_id: int
    receiver_id: int | msgspec.UnsetType | None = msgspec.UNSET
    message: str = ""
    kind: str = "text"
    attachments: list[dict[str, Any]] = []
    reply_to: str | msgspec.UnsetType | None = msgspec.UNSET
    quoted: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET  # for the receivers; not stored
    mentions: list[int] | msgspec.UnsetType = msgspec.UNSET
    mentions_all: bool | msgspec.UnsetType = msgspec.UNSET
    forwarded: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    system: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    # Of a changed one, for the receivers: when it was first sent, edited and pinned.
    sent_at: str | msgspec.UnsetType = msgspec.UNSET
    edited_at: str | msgspec.UnsetType = msgspec.UNSET
    pinned_at: str | msgspec.UnsetType = msgspec.UNSET


class ReactedBody(msgspec.Struct):
    emoji: str
    on: bool


class PinnedBody(msgspec.Struct):
    on: bool


class SettingsBody(msgspec.Struct, rename="camel"):
    """Own settings of a conversation; what is absent stays. ``muted_until`` is ms since 1970, 0 for not muted."""

    muted_until: int | msgspec.UnsetType = msgspec.UNSET
    archived: bool | msgspec.UnsetType = msgspec.UNSET
    pinned: bool | msgspec.UnsetType = msgspec.UNSET
    except_mentions: bool | msgspec.UnsetType = msgspec.UNSET  # of being muted


class MarksBody(msgspec.Struct):
    """``mark`` is DELIVERED or READ; ``moved`` are (user, seq)."""

    mark: int
    moved: list[tuple[int, int]]


_encode_body = msgspec.json.Encoder().encode
_decoders = {kind: msgspec.json.Decoder(kind).decode for kind in (MessageBody, ReactedBody, PinnedBody, SettingsBody)}
_decode_marks = msgspec.json.Decoder(MarksBody).decode
Body = TypeVar("Body", MessageBody, ReactedBody, PinnedBody, SettingsBody)


def encode_body(body: Body) -> str:
    """The members of the JSON object without its braces, ready to stand beside seq and sentAt."""
    return _encode_body(body)[1:-1].decode()


def decode_body(fragment: str) -> MessageBody:
    """Raise ValueError (msgspec's ValidationError or DecodeError) where the fragment is not a body."""
    return decode_as(MessageBody, fragment)


def decode_as(kind: type[Body], fragment: str) -> Body:
    """Raise ValueError likewise."""
    return cast(Body, _decoders[kind]("{" + fragment + "}"))


def decode_marks(body: str) -> MarksBody:
    """Raise ValueError likewise."""
    return _decode_marks(body)
