"""Records of the log and of the bus: arrays in MessagePack, as append.lua and change.lua write them.

A record is ``[kind, conversation, seq, version, sent_ms, user, id, body, session, gateway]``. ``body`` holds the fields
of a message's JSON that the sender decides (id, senderId, message, kind, attachments, replyTo …), without the braces.
The sender's gateway writes the body once; no other process parses it on the way to the receivers.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar, cast

import msgspec

# The user of records by the host's server, which is no user. Messages of this sender have ``senderId: null``.
HOST = 0

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder().decode


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

    @property
    def place(self) -> tuple[int, int]:
        return self.conversation_id, self.seq


def unpack_records(blob: bytes) -> list[Record]:
    """Returns the records of one log entry. Raises ValueError if the bytes are not a log entry."""
    try:
        rows: Any = unpack(blob)
        return [Record(*row) for row in rows]
    except (msgspec.DecodeError, TypeError) as error:
        raise ValueError(f"not a log entry: {error}") from None


def unpack_record(blob: bytes) -> Record:
    return Record(*unpack(blob))


class MessageBody(msgspec.Struct, rename="camel"):
    """The fields of a message's JSON that the sender decides. ``receiverId`` is set only in direct conversations.

    This struct is the only mapping between a body and its JSON; message_view.py reads the names from it.
    """

    id: str
    sender_id: int | None
    receiver_id: int | msgspec.UnsetType | None = msgspec.UNSET
    message: str = ""
    kind: str = "text"
    attachments: list[dict[str, Any]] = []
    reply_to: str | msgspec.UnsetType | None = msgspec.UNSET
    quoted: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET  # sent to the receivers, not stored
    mentions: list[int] | msgspec.UnsetType = msgspec.UNSET
    mentions_all: bool | msgspec.UnsetType = msgspec.UNSET
    mentions_online: bool | msgspec.UnsetType = msgspec.UNSET
    forwarded: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    system: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET  # of an edit: unchanged if absent, removed if empty
    silent: bool | msgspec.UnsetType = msgspec.UNSET  # sends no notification to devices
    # Of a stream until it ends: it grows, and the number of its characters so far.
    streaming: bool | msgspec.UnsetType = msgspec.UNSET
    length: int | msgspec.UnsetType = msgspec.UNSET
    imported: bool | msgspec.UnsetType = msgspec.UNSET  # is history: no device is notified, and no server of the host
    # Only in the body of a change, for the receivers: when the message was sent, edited and pinned.
    sent_at: str | msgspec.UnsetType = msgspec.UNSET
    edited_at: str | msgspec.UnsetType = msgspec.UNSET
    pinned_at: str | msgspec.UnsetType = msgspec.UNSET


class ReactedBody(msgspec.Struct):
    emoji: str
    on: bool


class SwitchBody(msgspec.Struct):
    """A change that is either on or off, such as a pin."""

    on: bool


class SettingsBody(msgspec.Struct, rename="camel"):
    """A user's settings of a conversation; absent fields stay. ``muted_until`` is ms since 1970, 0 for not muted."""

    muted_until: int | msgspec.UnsetType = msgspec.UNSET
    archived: bool | msgspec.UnsetType = msgspec.UNSET
    pinned: bool | msgspec.UnsetType = msgspec.UNSET
    except_mentions: bool | msgspec.UnsetType = msgspec.UNSET  # notify about mentions even while muted
    marked_unread: bool | msgspec.UnsetType = msgspec.UNSET


class DraftBody(msgspec.Struct, rename="camel"):
    """A user's draft in a conversation. It is deleted if both fields are empty."""

    message: str = ""
    reply_to: str | None = None


class ClearBody(msgspec.Struct):
    """The record's seq is the last one that is cleared. ``removed``: the conversation leaves the list."""

    removed: bool


class CustomBody(msgspec.Struct):
    """An application's own event. Never logged."""

    type: str
    data: Any


class MarksBody(msgspec.Struct):
    """``mark`` is DELIVERED or READ; ``moved`` are (user, seq)."""

    mark: int
    moved: list[tuple[int, int]]


_encode_body = msgspec.json.Encoder().encode
Body = TypeVar("Body", MessageBody, ReactedBody, SwitchBody, SettingsBody, DraftBody, ClearBody, CustomBody)
_decoders: dict[type, Any] = {kind: msgspec.json.Decoder(kind).decode for kind in Body.__constraints__}
_decode_marks = msgspec.json.Decoder(MarksBody).decode


def encode_body(body: Body) -> str:
    """Returns the fields of the JSON object without its braces, so that seq and sentAt can be added."""
    return _encode_body(body)[1:-1].decode()


def decode_body(fragment: str) -> MessageBody:
    """Raises ValueError (msgspec's ValidationError or DecodeError) if the fragment is not a message's body."""
    return decode_as(MessageBody, fragment)


def decode_as(kind: type[Body], fragment: str) -> Body:
    """Raises ValueError as ``decode_body`` does."""
    return cast(Body, _decoders[kind]("{" + fragment + "}"))


def decode_marks(body: str) -> MarksBody:
    """Decodes a whole JSON object, as change.lua writes it. Raises ValueError as ``decode_body`` does."""
    return _decode_marks(body)
