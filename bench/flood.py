"""``python -m bench.flood KIND PORT TOKEN USER_ID SECONDS``: one attacker at full speed, from an address of its own.

A process of its own, so that the generator's clock does not wait for it. It ends by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable

from bench.websocket import TEXT, mask_frame

SOURCE = "127.0.0.2"
AT_ONCE = 2000  # frames in one write
CONNECTIONS = 20
NO_MASK = b"\0\0\0\0"


class Target:
    def __init__(self, port: int, token: str, user_id: int, seconds: float) -> None:
        self.port, self.token, self.user_id = port, token, user_id
        self.until = time.monotonic() + seconds

    def more(self) -> bool:
        return time.monotonic() < self.until

    def connect(self) -> socket.socket:
        wire = socket.create_connection(("127.0.0.1", self.port), 2.0, source_address=(SOURCE, 0))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its port is free at once
        return wire

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n{kind}\r\n"
        return head.encode() + body


def command(event: str, data: dict[str, object]) -> bytes:
    return mask_frame(TEXT, json.dumps({"event": event, "data": data, "ref": "r"}).encode())


def pour(target: Target, first: bytes, content: bytes) -> None:
    """Joins, then writes ``content`` for as long as the server takes it. Comes back when it is cut."""
    handshake = (
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer {target.token}\r\n\r\n"
    ).encode()
    while target.more():
        with contextlib.suppress(OSError), target.connect() as wire:
            wire.sendall(handshake + command("join", {}) + first)
            _write_on(target, wire, content)


def _write_on(target: Target, wire: socket.socket, content: bytes) -> None:
    while target.more():
        with contextlib.suppress(TimeoutError):
            wire.sendall(content)
        with contextlib.suppress(BlockingIOError):
            if not wire.recv(1 << 20, socket.MSG_DONTWAIT):
                return


def ask(target: Target, request: bytes) -> None:
    """Repeats one request on ``CONNECTIONS`` connections, each as soon as its answer is there."""
    wires: list[socket.socket] = []
    while target.more():
        with contextlib.suppress(OSError):
            while len(wires) < CONNECTIONS:
                wires.append(target.connect())
            for wire in wires:
                wire.sendall(request)
        wires = [wire for wire in wires if _answered(wire)]


def _answered(wire: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        if wire.recv(1 << 20):
            return True
    wire.close()
    return False


def knock(target: Target) -> None:
    """Opens connections and closes them at once."""
    while target.more():
        with contextlib.suppress(OSError):
            target.connect().close()


SIGN_IN = json.dumps({"username": "nobody", "password": "wrong password"}).encode()

KINDS: dict[str, Callable[[Target], None]] = {
    "pings": lambda target: pour(target, b"", (b"\x89\x80" + NO_MASK) * AT_ONCE),
    "empty fragments": lambda target: pour(target, b"\x01\x80" + NO_MASK, (b"\x00\x80" + NO_MASK) * AT_ONCE),
    "ping commands": lambda target: pour(target, b"", command("ping", {}) * AT_ONCE),
    "commands that read": lambda target: pour(
        target,
        b"",
        (command("fetch_unread_messages", {"limit": 100}) + command("presence_subscribe", {"userIds": [1, 2, 3]}))
        * (AT_ONCE // 20),
    ),
    "messages": lambda target: pour(
        target, b"", command("send_message", {"receiverId": target.user_id, "message": "flood"}) * (AT_ONCE // 20)
    ),
    "REST reads": lambda target: ask(target, target.request("GET", "/conversations")),
    "wrong sign-ins": lambda target: ask(target, target.request("POST", "/auth/login", SIGN_IN)),
    "connections": knock,
}


def main() -> None:
    kind, port, token, user_id, seconds = sys.argv[1:]
    os.nice(10)  # the generator measures on the same core
    KINDS[kind](Target(int(port), token, int(user_id), float(seconds)))


if __name__ == "__main__":
    main()
