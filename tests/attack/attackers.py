"""Attackers: sockets that are held open, and threads that flood, from an address of their own."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx

from tests.support.clients import Account, RestClient, register
from tests.support.patience import PATIENCE

ADDRESS = "127.0.0.2"  # honest people are at 127.0.0.1
PAUSE = 0.05
REPLACED_AT_ONCE = 10  # after each pause: this attack holds sockets and is no storm of connections

Act = Callable[[threading.Event], None]


@contextlib.contextmanager
def attacking(*acts: Act) -> Iterator[None]:
    """Runs each act in a thread of its own until the block ends. Raises the errors of the acts."""
    stop, failures = threading.Event(), list[BaseException]()

    def run(act: Act) -> None:
        try:
            act(stop)
        except BaseException as failure:  # noqa: BLE001 - raised below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    if failures:
        raise failures[0]


def connect(base_url: str, source: str = ADDRESS) -> socket.socket:
    place = urlsplit(base_url)
    return socket.create_connection((place.hostname, place.port), PATIENCE, source_address=(source, 0))


def close(wire: socket.socket) -> None:
    """Closes with a reset, so that the next attack has its ports and its buffers."""
    with contextlib.suppress(OSError):
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


class Held:
    """Keeps ``count`` sockets open that have sent only ``content(i)``. Replaces those that the server ends."""

    def __init__(self, base_url: str, count: int, content: Callable[[int], bytes], source: str = ADDRESS) -> None:
        self._base_url, self._count, self._content, self._source = base_url, count, content, source
        self.full = threading.Event()  # all were open once
        self.replaced = 0
        self._numbers: dict[int, int] = {}

    def __call__(self, stop: threading.Event) -> None:
        wires: dict[int, socket.socket] = {}
        poll = select.poll()
        try:
            for number in range(self._count):
                self._open(number, wires, poll)
            self.full.set()
            while not stop.wait(PAUSE):
                for descriptor, _ in poll.poll(0)[:REPLACED_AT_ONCE]:
                    self._replace(descriptor, wires, poll)
        finally:
            self.full.set()
            for wire in wires.values():
                close(wire)

    def _open(self, number: int, wires: dict[int, socket.socket], poll: select.poll) -> None:
        with contextlib.suppress(OSError):  # the server may refuse, which is its right
            wire = connect(self._base_url, self._source)
            wires[wire.fileno()] = wire
            self._numbers[wire.fileno()] = number
            wire.sendall(self._content(number))
            poll.register(wire, select.POLLIN)

    def _replace(self, descriptor: int, wires: dict[int, socket.socket], poll: select.poll) -> None:
        wire = wires[descriptor]
        with contextlib.suppress(OSError):
            answer = wire.recv(65536)
            assert not answer.startswith(b"HTTP/1.1 500"), answer
            if answer.startswith(b"HTTP/1.1 101"):
                return
        poll.unregister(descriptor)
        close(wires.pop(descriptor))
        self.replaced += 1
        self._open(self._numbers[descriptor], wires, poll)


# -- WebSocket, by hand: a codec would refuse to do this, and be too slow --------------------

NO_MASK = b"\0\0\0\0"
PING = b"\x89\x80" + NO_MASK
FIRST_FRAGMENT = b"\x01\x80" + NO_MASK
EMPTY_FRAGMENT = b"\x00\x80" + NO_MASK


def text_frame(event: str, data: dict[str, object], ref: str = "r") -> bytes:
    payload = json.dumps({"event": event, "data": data, "ref": ref}).encode()
    head = bytes([0x81, 0x80 | len(payload)]) if len(payload) < 126 else b"\x81\xfe" + struct.pack("!H", len(payload))
    return head + NO_MASK + payload


def handshake(token: str = "") -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{bearer}\r\n"
    ).encode()


def flooding(base_url: str, account: Account, first: bytes, frames: bytes) -> Act:
    """Joins, sends ``frames`` for as long as the server accepts them, and connects again when it is cut."""

    def act(stop: threading.Event) -> None:
        while not stop.wait(PAUSE):
            with contextlib.suppress(OSError):
                wire = connect(base_url)
                try:
                    wire.sendall(handshake(account.access_token) + text_frame("join", {}) + first)
                    _pour(wire, frames, stop)
                finally:
                    close(wire)

    return act


def _pour(wire: socket.socket, frames: bytes, stop: threading.Event) -> None:
    wire.settimeout(1.0)
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):  # the server stops reading, and so slows the attacker down
            wire.sendall(frames)
        with contextlib.suppress(BlockingIOError):
            if not wire.recv(1 << 20, socket.MSG_DONTWAIT):
                return


# -- REST --------------------


def http_client(base_url: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, transport=httpx.HTTPTransport(local_address=ADDRESS), timeout=PATIENCE)


def requesting(base_url: str, allowed: set[int], make: Callable[[httpx.Client, int], httpx.Response]) -> Act:
    """Sends one request after the other. Any status but the allowed ones is a violation."""

    def act(stop: threading.Event) -> None:
        with http_client(base_url) as client:
            number = 0
            while not stop.is_set():
                number += 1
                answer = make(client, number)
                assert answer.status_code in allowed, (answer.status_code, answer.text[:300])

    return act


def accounts(base_url: str, count: int) -> list[Account]:
    return [register(base_url) for _ in range(count)]


def cursor_of(base_url: str, account: Account) -> str:
    client = RestClient(base_url, account.access_token)
    try:
        return str(client.json("GET", "/events/poll", params={"wait": 0})["cursor"])
    finally:
        client.close()
