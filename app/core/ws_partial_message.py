"""Decodes the frames that are not one whole text message: fragments, control frames, and frames split over reads."""

from __future__ import annotations

from codecs import utf_8_decode

from app.core.ws_frames import (
    FIN,
    LENGTH_16,
    LENGTH_64,
    MASKED,
    MAX_CONTROL_PAYLOAD,
    OP_BINARY,
    OP_CLOSE,
    OP_CONTINUATION,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    FrameFailure,
    not_utf8,
    parse_close,
    protocol_error,
    unmask,
)

_RESERVED_BITS = 0x70
_OPCODES = frozenset((OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG))
_MAX_HEADER = 14  # 2, an 8-byte length, a 4-byte key


class PartialMessage:
    """An incomplete frame, or an incomplete message of several frames. It is dropped when it is complete."""

    __slots__ = (
        "_control",
        "_final",
        "_head",
        "_key",
        "_left",
        "_max",
        "_message",
        "_opcode",
        "_tail",
        "_type",
    )

    def __init__(self, max_message_bytes: int) -> None:
        self._max = max_message_bytes
        self._head = b""  # an unfinished header
        self._key = b""  # of the current frame, rotated to its next payload byte; empty if a header comes next
        self._left = 0  # missing payload bytes of the current frame
        self._opcode = 0
        self._final = False
        self._control = bytearray()
        self._type = 0  # OP_TEXT or OP_BINARY while a message is open
        self._message = bytearray()
        self._tail = b""  # an incomplete UTF-8 sequence

    @property
    def is_empty(self) -> bool:
        return not (self._head or self._key or self._type)

    def allow(self, max_message_bytes: int) -> None:
        self._max = max_message_bytes

    def read(self, data: bytes, done: list[tuple[int, bytes]], extra: int) -> int:
        """Appends the messages and control frames that ``data`` completes to ``done``, up to a close frame. ``extra``
        is the number of control frames and fragments that may come. Returns its rest. Raises FrameFailure.
        """
        position = 0
        while True:
            if not self._key:
                position = self._read_header(data, position)
                if not self._key:
                    return extra
            chunk = data[position : position + self._left]
            position += len(chunk)
            self._take(chunk)
            if self._left:
                return extra
            if self._opcode != OP_TEXT or not self._final:
                extra -= 1
                if extra < 0:
                    raise FrameFailure(1008, "too many control frames or fragments")
            if (finished := self._finish_frame()) is None:
                continue
            done.append(finished)
            if finished[0] == OP_CLOSE:
                return extra

    def _read_header(self, data: bytes, position: int) -> int:
        """Returns the position after the header. An incomplete header is kept for the next read."""
        known = len(self._head)
        header = self._head + data[position : position + _MAX_HEADER - known]
        size = self._parse_header(header) if header else 0
        if not size:
            self._head = header
            return len(data)
        self._head = b""
        return position + size - known

    def _parse_header(self, header: bytes) -> int:
        """Begins the frame and returns the size of its header; 0 if more bytes are needed."""
        self._check_first(header[0])
        if len(header) < 2:
            return 0
        opcode = header[0] & 0x0F
        length_size = _check_second(opcode, header[1])
        body = 2 + length_size
        if len(header) < body:
            return 0
        length = _read_length(header[1] & 0x7F, header[2:body])
        if opcode < OP_CLOSE and len(self._message) + length > self._max:
            raise FrameFailure(1009, f"message over {self._max} bytes")
        if len(header) < body + 4:
            return 0
        self._begin_frame(header[0], length, header[body : body + 4])
        return body + 4

    def _check_first(self, byte: int) -> None:
        opcode = byte & 0x0F
        if byte & _RESERVED_BITS:
            raise protocol_error("reserved bit set")
        if opcode not in _OPCODES:
            raise protocol_error("reserved opcode")
        if opcode >= OP_CLOSE and not byte & FIN:
            raise protocol_error("fragmented control frame")
        if opcode == OP_CONTINUATION and not self._type:
            raise protocol_error("continuation without a message")
        if opcode in (OP_TEXT, OP_BINARY) and self._type:
            raise protocol_error("new message inside a fragmented one")

    def _begin_frame(self, first: int, length: int, key: bytes) -> None:
        self._opcode = first & 0x0F
        self._final = bool(first & FIN)
        self._left = length
        self._key = key
        if self._opcode in (OP_TEXT, OP_BINARY):
            self._type = self._opcode

    def _take(self, chunk: bytes) -> None:
        """Handles payload bytes of the current frame."""
        plain = unmask(chunk, self._key)
        self._left -= len(chunk)
        turn = len(chunk) & 3
        self._key = self._key[turn:] + self._key[:turn]
        if self._opcode >= OP_CLOSE:
            self._control += plain
            return
        if self._type == OP_TEXT:
            self._check_text(plain)
        self._message += plain

    def _check_text(self, plain: bytes) -> None:
        if not self._tail and plain.isascii():
            return
        text = self._tail + plain
        try:
            _, used = utf_8_decode(text, "strict", False)
        except UnicodeDecodeError:
            raise not_utf8() from None
        self._tail = text[used:]
        # CPython waits for the third byte of a surrogate (for "surrogatepass"), but ED A0..BF is already invalid.
        if self._tail[:1] == b"\xed" and self._tail[1:] >= b"\xa0":
            raise not_utf8()

    def _finish_frame(self) -> tuple[int, bytes] | None:
        self._key = b""
        if self._opcode >= OP_CLOSE:
            return self._finish_control()
        return self._finish_message() if self._final else None

    def _finish_control(self) -> tuple[int, bytes]:
        payload = bytes(self._control)
        self._control.clear()
        if self._opcode == OP_CLOSE:
            parse_close(payload)
        return self._opcode, payload

    def _finish_message(self) -> tuple[int, bytes]:
        if self._tail:
            raise not_utf8()
        finished = self._type, bytes(self._message)
        self._message.clear()
        self._type = 0
        return finished


def _check_second(opcode: int, byte: int) -> int:
    """Returns the size of the extended length that follows: 0, 2 or 8."""
    if not byte & MASKED:
        raise protocol_error("frame not masked")
    length = byte & 0x7F
    if opcode >= OP_CLOSE and length > MAX_CONTROL_PAYLOAD:
        raise protocol_error("control frame over 125 bytes")
    return {LENGTH_16: 2, LENGTH_64: 8}.get(length, 0)


def _read_length(short: int, extended: bytes) -> int:
    if not extended:
        return short
    length = int.from_bytes(extended, "big")
    if length < (LENGTH_16 if len(extended) == 2 else 1 << 16):
        raise protocol_error("length not minimal")
    if length >> 63:
        raise protocol_error("length over 63 bits")
    return length
