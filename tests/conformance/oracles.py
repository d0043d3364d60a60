"""The result of decoding a stream of client bytes: our decoder's, and those of two others to compare it with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from websockets.frames import Frame
from websockets.protocol import Protocol, Side
from wsproto.frame_protocol import FrameProtocol, ParseFailed

from app.core.ws_codec import FrameDecoder
from tests.conformance.frames import CLOSE, CONTINUATION, TEXT


@dataclass(frozen=True)
class Outcome:
    """Messages and control frames in order, and the close code of the failure after them, if any."""

    events: tuple[tuple[int, bytes], ...]
    code: int | None
    reason: str = ""  # only for our decoder: the broken rule

    def same_as(self, other: Outcome) -> bool:
        return self.events == other.events and self.code == other.code


def ours(reads: Iterable[bytes], max_message_bytes: int) -> Outcome:
    decoder = FrameDecoder(max_message_bytes)
    events = [event for read in reads for event in decoder.feed(read)]
    failure = decoder.failure
    return Outcome(tuple(events), failure and failure.code, failure.reason if failure else "")


def wsproto(stream: bytes) -> Outcome:
    """Decodes with wsproto, which has no size limit, joins no fragments, and validates text as it arrives."""
    protocol = FrameProtocol(client=False, extensions=[])
    protocol.receive_bytes(stream)
    events: list[tuple[int, bytes]] = []
    parts: list[bytes] = []
    try:
        for one in protocol.received_frames():
            if one.opcode.iscontrol():
                events.append((int(one.opcode), _control_payload(one.payload)))
                continue
            parts.append(one.payload.encode() if isinstance(one.payload, str) else bytes(one.payload))
            if one.message_finished:
                events.append((int(one.opcode), b"".join(parts)))
                parts.clear()
    except ParseFailed as failure:
        return Outcome(tuple(events), int(failure.code))
    return Outcome(tuple(events), None)


def _control_payload(payload: bytes | tuple[int, str]) -> bytes:
    """Rebuilds the payload of a close frame, which wsproto returns parsed."""
    if isinstance(payload, tuple):
        code, reason = payload
        return b"" if code == 1005 else int(code).to_bytes(2, "big") + (reason or "").encode()
    return bytes(payload)


def websockets(stream: bytes, max_message_bytes: int) -> Outcome:
    """Decodes with websockets. Its protocol layer leaves decoding text to the layer above, which is ``_Text`` here."""
    protocol = Protocol(Side.SERVER, max_size=max_message_bytes)
    protocol.receive_data(stream)
    text = _Messages()
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if not text.take(event):
            return Outcome(tuple(text.events), 1007)
    return Outcome(tuple(text.events), _failure_code(protocol))


def _failure_code(protocol: Protocol) -> int | None:
    if protocol.parser_exc is None:
        return None
    assert protocol.close_sent is not None
    return int(protocol.close_sent.code)


class _Messages:
    def __init__(self) -> None:
        self.events: list[tuple[int, bytes]] = []
        self._opcode = 0
        self._data = b""

    def take(self, one: Frame) -> bool:
        """Returns False if the text so far can no longer become UTF-8."""
        opcode = int(one.opcode)
        if opcode >= CLOSE:
            self.events.append((opcode, bytes(one.data)))
            return True
        if opcode != CONTINUATION:
            self._opcode, self._data = opcode, b""
        self._data += bytes(one.data)
        if self._opcode == TEXT and not may_be_utf8(self._data, whole=one.fin):
            return False
        if one.fin:
            self.events.append((self._opcode, self._data))
        return True


def may_be_utf8(data: bytes, *, whole: bool) -> bool:
    """Returns whether ``data`` is UTF-8 or, unless ``whole``, can become UTF-8 with more bytes."""
    at = first_wrong(data)
    return at is None or (at == len(data) and not whole)


def first_wrong(data: bytes) -> int | None:
    """Returns the index of the first byte that the grammar of RFC 3629, section 4, does not allow.

    ``len(data)`` if the last sequence is unfinished; None if all is valid.
    """
    at = 0
    while at < len(data):
        for allowed in _sequence(data[at]):
            if at == len(data) or data[at] not in allowed:
                return at
            at += 1
    return None


_TAIL = range(0x80, 0xC0)
_SECOND = {0xE0: range(0xA0, 0xC0), 0xED: range(0x80, 0xA0), 0xF0: range(0x90, 0xC0), 0xF4: range(0x80, 0x90)}


def _sequence(first: int) -> list[range]:
    """Returns the allowed values of each byte in the sequence that ``first`` begins."""
    for lead, tails in (
        (range(0x80), 0),
        (range(0xC2, 0xE0), 1),
        (range(0xE0, 0xF0), 2),
        (range(0xF0, 0xF5), 3),
    ):
        if first in lead:
            second = [_SECOND.get(first, _TAIL)] if tails else []
            return [lead, *second, *[_TAIL] * (tails - 1)]
    return [range(0)]
