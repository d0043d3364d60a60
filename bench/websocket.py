"""The client half of RFC 6455, only the part that the generator needs: no extensions, no library."""

from __future__ import annotations

import base64
import os
from random import getrandbits

from bench.loop import BenchError, Connection, Disconnected, Loop

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


def mask_frame(first_byte: int, payload: bytes) -> bytes:
    """Returns one final frame, masked with a fresh key as the RFC requires of clients."""
    length = len(payload)
    key = getrandbits(32).to_bytes(4, "little")
    mask = (key * (length // 4 + 1))[:length]
    masked = (int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")).to_bytes(length, "little")
    if length < 126:
        return bytes((first_byte, 0x80 | length)) + key + masked
    if length < 65_536:
        return bytes((first_byte, 0xFE, length >> 8, length & 0xFF)) + key + masked
    return bytes((first_byte, 0xFF)) + length.to_bytes(8, "big") + key + masked


class WebSocketConnection(Connection):
    """Shakes hands, then calls ``on_ready``, and ``on_text`` for each text message."""

    __slots__ = ("buffer", "fragments", "handshaken", "headers", "host", "path")

    def __init__(self, loop: Loop, address: tuple[str, int], path: str, headers: str = "") -> None:
        super().__init__(loop, address)
        self.host = f"{address[0]}:{address[1]}"
        self.path, self.headers = path, headers
        self.buffer, self.fragments = b"", b""
        self.handshaken = False

    def on_open(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.write(
            f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{self.headers}\r\n".encode()
        )

    def on_ready(self) -> None:
        raise NotImplementedError

    def on_text(self, payload: bytes) -> None:
        raise NotImplementedError

    def send_text(self, payload: bytes) -> None:
        self.write(mask_frame(TEXT, payload))

    def on_data(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
        if not self.handshaken:
            data = self._shake_hands(data)
        self.buffer = self._parse_frames(data) if self.handshaken else data

    def _shake_hands(self, data: bytes) -> bytes:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return data
        if not data.startswith(b"HTTP/1.1 101"):
            raise BenchError(f"the server refused the upgrade: {data[:300]!r}")
        self.handshaken = True
        self.on_ready()
        return data[end + 4 :]

    def _parse_frames(self, data: bytes) -> bytes:
        """Handles every whole frame and returns the remaining bytes."""
        position, size = 0, len(data)
        while size - position >= 2:
            first, length, header = data[position], data[position + 1], 2
            if length == 126:
                length, header = int.from_bytes(data[position + 2 : position + 4], "big"), 4
            elif length == 127:
                length, header = int.from_bytes(data[position + 2 : position + 10], "big"), 10
            start = position + header
            if size < start + length:
                break
            position = start + length
            if first == TEXT:
                self.on_text(data[start:position])
            else:
                self._on_other_frame(first, data[start:position])
            if self.closed:
                return b""
        return data[position:] if position else data

    def _on_other_frame(self, first: int, payload: bytes) -> None:
        if first == PING:
            self.write(mask_frame(PONG, payload))
        elif first == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            raise Disconnected(f"{type(self).__name__}: closed by the server with {code} {payload[2:]!r}")
        elif first in (0x01, 0x00, 0x80):
            self.fragments += payload
            if first == 0x80:
                whole, self.fragments = self.fragments, b""
                self.on_text(whole)
        elif first != PONG:
            raise BenchError(f"unexpected frame, first byte {first:#x}")
