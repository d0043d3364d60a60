"""Records of the log and what travels on the bus: arrays in MessagePack, as append.lua writes them.

A record is ``[kind, conversation, seq, version, sent_ms, user, id, body, session, gateway]``. ``body`` is the part of a
message's JSON that its sender decided (id, senderId, message, kind, attachments, replyTo …), written once by the
gateway that took it and never parsed again on the way to the receivers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

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


_encode_body = msgspec.json.Encoder().encode
_decode_body = msgspec.json.Decoder(MessageBody).decode


def encode_body(body: MessageBody) -> str:
    """The members of the JSON object without its braces, ready to stand beside seq and sentAt."""
    return _encode_body(body)[1:-1].decode()


def decode_body(fragment: str) -> MessageBody:
    """Raise ValueError (msgspec's ValidationError or DecodeError) where the fragment is not a body."""
    return _decode_body("{" + fragment + "}")
