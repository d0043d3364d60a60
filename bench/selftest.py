"""``python -m bench.selftest`` measures how many messages per second the generator can drive, against a trivial echo.

The echo causes the same work in the generator as P2: it answers each `send_message` with the receiver's frame and the
sender's ack. For P4, it sends the frame to all others. If the echo's core is the bottleneck, divide the generator's
rate by the share of its core that it used to get its capacity.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from bench.crowd import Crowd
from bench.drivers.parley import WebSocketSession
from bench.group_scenarios import GROUP_MEMBERS, RATE
from bench.ledger import Ledger, Listener, Pair
from bench.loop import Loop
from bench.machine import cores
from bench.systems import System

CONNECTIONS, OUTSTANDING, SECONDS = 50, 200, 4.0


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    return bytes((0x81, size)) + payload if size < 126 else bytes((0x81, 126, size >> 8, size & 0xFF)) + payload


def _answers(frame: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    """Unmasks one send_message. Returns the frames of its event and of its ack."""
    key, size = frame[start - 4 : start], end - start
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    text = (int.from_bytes(frame[start:end], "little") ^ mask).to_bytes(size, "little")
    at = text.index(b'"id":"') + 6
    message_id = text[at : at + 36]
    return _frame(
        b'{"event":"receive_message","data":{"id":"%b","conversationId":1,"seq":12,"senderId":7,"receiverId":8,'
        b'"message":"%b","kind":"text","attachments":[],"sentAt":"2026-01-01T00:00:00.000Z"},"cursor":"1.1234567890123456"}'
        % (message_id, b"x" * 100)
    ), _frame(
        b'{"event":"ack","data":{"id":"%b","conversationId":1,"seq":12,"sentAt":"2026-01-01T00:00:00.000Z","status":"stored"}}'
        % message_id
    )


def serve(listener: socket.socket, to_all: bool) -> None:
    """Accepts connections, shakes hands and echoes, until the parent ends it."""
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    open_sockets: dict[int, socket.socket] = {}
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                accepted, _ = listener.accept()
                open_sockets[accepted.fileno()] = accepted
                poll.register(accepted.fileno(), select.EPOLLIN)
                continue
            data = open_sockets[fd].recv(65_536)
            if not data:
                poll.unregister(fd)
                open_sockets.pop(fd).close()
            elif data.startswith(b"GET"):
                open_sockets[fd].sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            else:
                own, others = _echo(data, to_all)
                open_sockets[fd].sendall(own)
                if others:
                    for other, accepted in open_sockets.items():
                        if other != fd:
                            accepted.sendall(others)


def _echo(data: bytes, to_all: bool) -> tuple[bytes, bytes]:
    """Returns the bytes for the sender and the bytes for all others.

    A frame never spans two reads here, because it is far smaller than a loopback segment.
    """
    own, others, at = b"", b"", 0
    while at < len(data):
        size, header = data[at + 1] & 0x7F, 6
        if size == 126:
            size, header = int.from_bytes(data[at + 2 : at + 4], "big"), 8
        start = at + header
        at = start + size
        if size < 100:
            own += _frame(b'{"event":"joined","data":{}}')
            continue
        event, ack = _answers(data, start, at)
        own += ack if to_all else event + ack
        others += event if to_all else b""
    return own, others


def main() -> None:
    with echo(to_all=False) as address:
        drive(address)
    with echo(to_all=True) as address:
        drive_group(address)


@contextmanager
def echo(to_all: bool) -> Iterator[tuple[str, int]]:
    echo_cores, own_cores = cores()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, echo_cores)
        serve(listener, to_all)
    home = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, own_cores)
        yield listener.getsockname()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.sched_setaffinity(0, home)
        listener.close()


def drive(address: tuple[str, int]) -> None:
    loop, ledger = Loop(), Ledger()
    sessions = [WebSocketSession(loop, address, "none", ledger) for _ in range(CONNECTIONS)]
    loop.run(lambda: ledger.ready_sessions == CONNECTIONS, 10)
    ledger.on_receipt = ledger.send
    for number in range(OUTSTANDING):
        ledger.send(Pair(sessions[number % CONNECTIONS], 1))
    loop.sleep(1)
    ledger.forget_times()
    used, began = time.process_time(), time.perf_counter()
    loop.sleep(SECONDS)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    count, share = len(ledger.receive_seconds), used / seconds
    print(f"{count / seconds:,.0f} messages/s, each with its ack, at {share:.0%} of the generator's core")
    print(f"{used / count * 1e6:.1f} µs each, so it can drive {count / used:,.0f} messages/s")


class Echo(System):
    """The part of a system that a crowd needs. Its CPU is not measured."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.stack = SimpleNamespace(roots={})

    def session(self, loop: Loop, user: int, listener: Listener, fetch_unread: bool = False) -> WebSocketSession:
        return WebSocketSession(loop, self.address, "none", listener)


def drive_group(address: tuple[str, int]) -> None:
    loop = Loop()
    crowd = Crowd(Echo(address), loop, 1, range(GROUP_MEMBERS), GROUP_MEMBERS)
    for rate in (RATE, 10 * RATE):
        figures = crowd.talk(rate, SECONDS)
        count, share = figures["deliveries_per_second"], figures["generator_core"]
        print(f"group of {GROUP_MEMBERS}: {count:,.0f} deliveries/s at {share:.0%} of the generator's core, ", end="")
        print(f"{share / count * 1e6:.1f} µs each; p99 {figures['receive_p99_ms']:.1f} ms")


if __name__ == "__main__":
    main()
