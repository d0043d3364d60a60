"""Decodes WebSocket frames of a client into messages (RFC 6455, sections 5 and 8.1), and exports the encoders.

Invariants:
- Pure: no socket, no clock, no extension, only the standard library.
- The results of ``FrameDecoder`` depend only on the bytes, never on how they were split into reads.
- A frame is refused at its first wrong byte: header bytes as they arrive, the size before any payload is kept,
  text at the first byte that cannot continue a UTF-8 sequence.
- Between messages, a decoder keeps no buffer: it is one object of four slots.
"""

from __future__ import annotations

from app.core.ws_frames import (
    FIN,
    LENGTH_16,
    LENGTH_64,
    MASKED,
    OP_BINARY,
    OP_CLOSE,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    FrameFailure,
    encode_binary,
    encode_close,
    encode_ping,
    encode_pong,
    encode_text,
    parse_close,
    unmask,
)
from app.core.ws_partial_message import PartialMessage

__all__ = [
    "OP_BINARY",
    "OP_CLOSE",
    "OP_PING",
    "OP_PONG",
    "OP_TEXT",
    "FrameDecoder",
    "FrameFailure",
    "encode_binary",
    "encode_close",
    "encode_ping",
    "encode_pong",
    "encode_text",
    "parse_close",
]

_FINAL_TEXT = FIN | OP_TEXT


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


class FrameDecoder:
    """Decodes the frames of one client as they are read.

    ``max_message_bytes`` limits one message with all its fragments, and so the memory used here.
    """

    __slots__ = ("_max", "_partial", "_resting", "extra_frames", "failure")

    def __init__(self, max_message_bytes: int = 65536, extra_frames: int = 2**62) -> None:
        self._max = max_message_bytes
        # The number of control frames and fragments that are still accepted. They cost work and bring nothing, so the
        # owner raises this number at a fixed rate.
        self.extra_frames = extra_frames
        self._resting = True  # between two messages; stays False after a failure or a close frame
        self._partial: PartialMessage | None = None
        self.failure: FrameFailure | None = None

    def allow(self, max_message_bytes: int) -> None:
        """Changes the limit for later messages."""
        self._max = max_message_bytes
        if self._partial is not None:
            self._partial.allow(max_message_bytes)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Returns the messages and control frames that ``data`` completes, in order, as ``(opcode, payload)``.

        Never raises. A text payload is valid UTF-8; ``parse_close`` accepts a close payload. At a violation, sets
        ``failure`` and returns everything before it. After a failure or a close frame, all further bytes are dropped.
        """
        if self._resting and len(data) > 6 and data[0] == _FINAL_TEXT:  # noqa: SIM102 - the common case, kept flat
            if (payload := self._whole_text(data)) is not None:
                return [(OP_TEXT, payload)]
        return self._feed_slowly(data)

    def _whole_text(self, data: bytes) -> bytes | None:
        """Returns the payload if ``data`` is exactly one valid masked text frame, else None."""
        size = data[1] - MASKED
        start = 6
        if size >= LENGTH_16:
            if size == LENGTH_64 or len(data) <= 8:
                return None
            size = data[2] << 8 | data[3]
            start = 8
            if size < LENGTH_16:
                return None
        if len(data) - start != size or size > self._max:
            return None
        payload = unmask(data[start:], data[start - 4 : start])
        return payload if payload.isascii() or _is_utf8(payload) else None

    def _feed_slowly(self, data: bytes) -> list[tuple[int, bytes]]:
        partial = self._partial
        if partial is None:
            if not self._resting:
                return []
            partial = PartialMessage(self._max)
        done: list[tuple[int, bytes]] = []
        try:
            self.extra_frames = partial.read(data, done, self.extra_frames)
        except FrameFailure as failure:
            self.failure = failure.with_traceback(None)  # a traceback would keep the buffers alive
        closed = bool(done) and done[-1][0] == OP_CLOSE
        self._resting = partial.is_empty and not closed and self.failure is None
        keep = not (self._resting or closed or self.failure)
        self._partial = partial if keep else None
        return done
