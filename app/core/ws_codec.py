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

_FINAL_TEXT = bytes([FIN | OP_TEXT])


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
        # The number of control frames and fragments that are still accepted. They cost work and carry no message, so
        # the owner raises this number at a fixed rate.
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
        if self._resting and data[:1] == _FINAL_TEXT:
            done, at = self._whole_texts(data)
            return done + self._feed_slowly(data[at:]) if at < len(data) else done
        return self._feed_slowly(data)

    def _whole_texts(self, data: bytes) -> tuple[list[tuple[int, bytes]], int]:
        """Returns the messages of the whole, valid, masked text frames at the beginning, and where they end. A client
        under load sends nothing else, and reading its frames byte by byte takes three times as long.
        """
        done: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while end - at > 6 and data[at] == FIN | OP_TEXT:
            size, start = data[at + 1] - MASKED, at + 6
            if size >= LENGTH_16:
                if size == LENGTH_64 or end - at <= 8:
                    break
                size, start = data[at + 2] << 8 | data[at + 3], at + 8
                if size < LENGTH_16:
                    break
            stop = start + size
            if size < 0 or stop > end or size > self._max:
                break
            payload = unmask(data[start:stop], data[start - 4 : start])
            if not (payload.isascii() or _is_utf8(payload)):
                break
            done.append((OP_TEXT, payload))
            at = stop
        return done, at

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
