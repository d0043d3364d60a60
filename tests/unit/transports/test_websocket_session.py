"""WebSocket sessions over a real socket, with slow readers and paused senders."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import gevent
from wsproto import ConnectionType
from wsproto.connection import Connection as Peer
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from app.core.close_codes import CloseCode
from app.core.ws_codec import encode_text
from app.transports.connection import Connection
from app.transports.connection_protocol import Limits, PauseReason
from app.transports.flusher import Flusher
from app.transports.held_frames import HELD_BYTES
from app.transports.websocket_session import WebSocketSession
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE

LIMITS = Limits(blocks=1000, bytes_=200_000, stall_seconds=10.0)


class Client:
    """A peer that reads only in ``until``."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.protocol = Peer(ConnectionType.CLIENT)
        self.events: list[Any] = []
        self.unwritten = b""

    def send(self, event: Any) -> None:
        self.unwritten += self.protocol.send(event)
        self.write()

    def write(self) -> None:
        try:
            while self.unwritten:
                self.unwritten = self.unwritten[self.sock.send(self.unwritten) :]
        except BlockingIOError:
            pass

    def read(self, most: int = 65536) -> None:
        try:
            self.protocol.receive_data(self.sock.recv(most) or None)
        except BlockingIOError:
            return
        self.events += self.protocol.events()

    def got(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def until(self, ready: Callable[[], bool]) -> None:
        with gevent.Timeout(PATIENCE, AssertionError("it does not happen")):
            while not ready():
                gevent.sleep(0)
                self.write()
                self.read()


@contextmanager
def connected() -> Iterator[tuple[WebSocketSession, Client, list[bytes]]]:
    """Yields a session, its client, and the commands that the session has taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    near.setblocking(False)
    far.setblocking(False)
    nothing = lambda *_: None  # noqa: E731
    activity = SimpleNamespace(count=nothing, count_close=nothing, count_error=nothing)
    registry: Any = SimpleNamespace(add=nothing, remove=nothing, leave=nothing, activity=activity)
    unused: Any = None
    settings: Any = SimpleNamespace(early_frame_bytes=65536, extra_frames=500, ping_seconds=20, join_seconds=1e9)
    session = WebSocketSession(
        partial(Connection, near, flusher=Flusher(), limits=LIMITS),
        b"",
        None,
        registry=registry,
        streams=unused,
        services=unused,
        settings=settings,
    )
    taken: list[bytes] = []
    session.commands = SimpleNamespace(take=taken.append, refill=nothing)  # type: ignore[assignment]
    yield session, Client(far), taken
    session.connection.abort()
    far.close()


def fill(session: WebSocketSession) -> int:
    """Sends until the outbox overflows. Returns how many bytes were sent."""
    frame, sent = encode_text(b'{"text":"' + b"x" * 10_000 + b'"}'), 0
    while not session._closing:
        session.connection.send(frame)
        gevent.sleep(0)
        sent += len(frame)
    return sent


@in_own_hub
def test_slow_reader_gets_whole_frames_and_4429_however_late_it_reads() -> None:
    with connected() as (session, client, _):
        sent = fill(session)
        session.check(time.monotonic() + 9, time.time())
        client.send(Ping(b"still here"))
        gevent.sleep(0)
        client.until(lambda: bool(client.got(CloseConnection)))
        assert client.got(CloseConnection)[0].code == CloseCode.TOO_SLOW
        read = sum(len(event.data) for event in client.got(TextMessage))
        assert 0 < read < sent
        assert all(event.message_finished or event.data for event in client.got(TextMessage))
        client.send(CloseConnection(CloseCode.TOO_SLOW))
        client.sock.shutdown(socket.SHUT_WR)
        with gevent.Timeout(PATIENCE):
            while not session.closed:
                gevent.sleep(0)


@in_own_hub
def test_pings_are_answered_while_commands_wait() -> None:
    with connected() as (session, client, taken):
        session.pause(PauseReason.UNANSWERED)
        for number in range(300):
            client.send(TextMessage(f"{number}"))
        client.send(Ping(b"there?"))
        client.until(lambda: [event.payload for event in client.got(Pong)] == [b"there?"])
        assert taken == []
        session.pause(PauseReason.READS_SPENT)
        session.resume(PauseReason.UNANSWERED)
        assert taken == []
        session.resume(PauseReason.READS_SPENT)
        assert taken == [b"%d" % number for number in range(300)]


@in_own_hub
def test_held_commands_begin_in_order_and_one_that_pauses_holds_the_rest() -> None:
    with connected() as (session, client, taken):

        def take(payload: bytes) -> None:
            taken.append(payload)
            session.pause(PauseReason.COMMANDS_WAIT)

        session.commands = SimpleNamespace(take=take)  # type: ignore[assignment]
        for number in range(3):
            client.send(TextMessage(f"{number}"))
        client.send(CloseConnection(1000))
        for number in range(3):
            client.until(lambda number=number: len(taken) == number + 1)  # type: ignore[misc]
            assert not session._closing
            session.resume(PauseReason.COMMANDS_WAIT)
        assert taken == [b"0", b"1", b"2"]
        client.until(lambda: bool(client.got(CloseConnection)))


@in_own_hub
def test_sender_that_goes_on_while_its_commands_wait_feels_back_pressure() -> None:
    with connected() as (session, client, taken):
        session.pause(PauseReason.UNANSWERED)
        text = "x" * 1000
        frames = 20 * HELD_BYTES // len(text)
        for _ in range(frames):
            client.send(TextMessage(text))
        client.until(lambda: session._held is not None and session._held.is_full)
        for _ in range(100):
            gevent.sleep(0)
            client.write()
        held = session._held
        assert held is not None
        assert len(held._frames) < 2 * HELD_BYTES // len(text)
        for step in range(1, 10):  # the client's pongs are not read either, so their lack proves nothing
            session.check(time.monotonic() + step * 30, 0.0)
            assert not session._closing
        session.resume(PauseReason.UNANSWERED)
        client.until(lambda: len(taken) == frames)


def test_answer_after_a_new_epoch_began_follows_its_resync() -> None:
    with connected() as (session, client, _taken):
        session.joined = True
        session.begin_holding()
        session.hold()
        session.answer("ack", {"seq": 1}, "a")
        session.reset(2, 20)
        session.answer("ack", {"seq": 2}, "b")
        client.until(lambda: len(client.got(TextMessage)) == 3)
        assert [json.loads(frame.data)["event"] for frame in client.got(TextMessage)] == ["resync", "ack", "ack"]
