"""WebSocket frames as they come in: ``{"event", "data", "ref"?}``, with a command inside."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
from msgspec import Struct

from app.core.command_kinds import COMMANDS
from app.core.commands import MAX_REF, Command, Ref
from app.core.errors import Invalid
from app.core.invalid_input import UNDECODABLE, invalid_from
from app.core.unknown_fields import take_unknown


class Frame(Struct, frozen=True, forbid_unknown_fields=True):
    """``data`` is decoded after ``event``, because the event decides its type."""

    event: str
    data: msgspec.Raw = msgspec.Raw(b"{}")
    ref: Ref | None = None


_decode_frame = msgspec.json.Decoder(Frame).decode
_decoders: dict[str, Callable[[msgspec.Raw], Command]] = {
    name: msgspec.json.Decoder(kind.data).decode for name, kind in COMMANDS.items()
}


def decode_frame(payload: bytes) -> Frame:
    """Raises Invalid if the payload is not ``{"event", "data", "ref"?}``."""
    try:
        return _decode_frame(payload)
    except UNDECODABLE as error:
        raise invalid_from(error, "frame") from None


def decode_command(frame: Frame) -> Command:
    """Returns the command inside a frame. Raises Invalid for an unknown event or data of another shape."""
    decode = _decoders.get(frame.event)
    if decode is None:
        raise Invalid.field("event", "unknown event")
    try:
        return decode(frame.data)
    except UNDECODABLE as error:
        raise invalid_from(error, "data") from None


def without_unknown_fields(payload: bytes) -> tuple[bytes, list[str]]:
    """Returns a frame that has unknown fields without them, and their names. Raises Invalid if it cannot be read."""
    try:
        frame = msgspec.json.decode(payload)
        names = take_unknown(frame, Frame)
        event = frame.get("event")
        command = COMMANDS.get(event) if isinstance(event, str) else None
        if command is not None and "data" in frame:
            names += take_unknown(frame["data"], command.data)
        return msgspec.json.encode(frame), names
    except UNDECODABLE as error:
        raise invalid_from(error, "frame") from None


def find_ref(payload: bytes) -> str | None:
    """Returns the ref of a payload that ``decode_frame`` refused, or None if none can be found.

    A text with half an emoji is refused, but its sender still waits for an answer.
    """
    try:
        frame = json.loads(payload)
        ref = frame.get("ref") if isinstance(frame, dict) else None
        return ref if isinstance(ref, str) and len(ref.encode()) <= MAX_REF else None
    except (ValueError, RecursionError):  # a ref that is not valid text raises UnicodeError, a ValueError
        return None
