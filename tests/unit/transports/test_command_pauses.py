"""A session stops reading at a bound of unanswered commands of any kind."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
import msgspec
import pytest

from app.core.caller import Caller
from app.core.errors import ParleyError
from app.services.messaging.change_message import MessageEditor
from app.services.messaging.mentions import NOBODY
from app.services.messaging.prepared import Prepared
from app.services.reading.find_message import FoundMessage
from app.transports.command_session import CommandServices, CommandSession
from app.transports.commands import MAX_UNANSWERED, MAX_WAITING, Commands
from app.transports.connection import Connection
from app.transports.connection_protocol import Limits, PauseReason
from app.transports.flusher import Flusher
from tests.support.own_hub import in_own_hub

USER = 1
ID = "0190a1b2-0000-7000-8000-000000000001"
VIEW = {
    "id": ID,
    "conversationId": 5,
    "seq": 3,
    "senderId": USER,
    "kind": "text",
    "message": "before",
    "attachments": [],
    "reactions": [],
    "sentAt": "2999-01-01T00:00:00.000Z",
}
CHANGES = {
    "edit_message": {"id": ID, "message": "after"},
    "delete_message": {"id": ID, "scope": "everyone"},
    "react": {"id": ID, "emoji": "👍", "on": True},
    "pin_message": {"id": ID, "on": True},
}


class Streams:
    """Runs blocking work when the test says so."""

    def __init__(self) -> None:
        self._work: list[Callable[[], None]] = []

    def run_blocking(self, act: Callable[[], None]) -> None:
        self._work.append(act)

    def run_all(self) -> None:
        while self._work:
            self._work.pop(0)()


class Session(CommandSession):
    """A session without a connection, whose client sends only while the session reads."""

    def __init__(self, services: CommandServices) -> None:
        self.run = Streams()
        super().__init__(SimpleNamespace(), self.run)  # type: ignore[arg-type]
        self.pauses = PauseReason(0)
        self.identify(Caller(USER, "sid", 2**40))
        self.joined = True
        self.errors: list[ParleyError] = []
        self.answers = 0
        self.commands = Commands(self, services)

    def pause(self, reason: PauseReason) -> None:
        self.pauses |= reason

    def resume(self, reason: PauseReason) -> None:
        self.pauses &= ~reason

    def answer(self, name: str, data: Any, ref: str | None) -> None:
        self.answers += 1

    def refuse(self, error: ParleyError, ref: str | None) -> None:
        self.errors.append(error)

    def bad_frame(self, error: ParleyError, ref: str | None) -> None:
        self.errors.append(error)

    def good_frame(self) -> None:
        pass

    def client_sends(self, frame: bytes, most: int) -> int:
        """Returns how many frames the session read before it paused."""
        for number in range(most):
            if self.pauses:
                return number
            self.commands.take(frame)
            self.run.run_all()
        return most


class Log:
    """Takes changes and confirms them when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Prepared, Callable[[Any, ParleyError | None], None]]] = []

    def submit(self, prepared: Prepared, outcome: Callable[[Any, ParleyError | None], None]) -> None:
        self.waiting.append((prepared, outcome))

    def confirm_one(self) -> None:
        prepared, outcome = self.waiting.pop(0)
        outcome(prepared.answer, None)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def session(log: Log) -> Session:
    def look_up(*_: Any) -> FoundMessage:
        return FoundMessage(dict(VIEW), 1)

    messages = SimpleNamespace(look_up=look_up, look_up_present=look_up)
    editor = MessageEditor(
        engine=None,  # type: ignore[arg-type]
        mentions=SimpleNamespace(find=lambda *_: NOBODY),  # type: ignore[arg-type]
        messages=messages,  # type: ignore[arg-type]
        streams=None,  # type: ignore[arg-type]
        acquire_edit=lambda _user: None,
        acquire_reaction=lambda _user: None,
        max_text=8000,
        edit_seconds=3600,
    )
    unused: Any = None
    services = CommandServices(
        sender=unused,
        editor=editor,
        changes=log,  # type: ignore[arg-type]
        marks=unused,
        typing=unused,
        events=unused,
        streams=unused,
        presence=unused,
        fetch_unread=unused,
        verify_token=unused,
    )
    return Session(services)


@pytest.mark.parametrize("event", CHANGES)
def test_changes_without_an_answer_pause_the_session(session: Session, log: Log, event: str) -> None:
    frame = msgspec.json.encode({"event": event, "data": CHANGES[event], "ref": "r"})
    assert session.client_sends(frame, 2000) == MAX_UNANSWERED
    assert session.errors == []
    assert len(log.waiting) == MAX_UNANSWERED
    for _ in range(10):
        log.confirm_one()
    assert session.client_sends(frame, 2000) == 10
    assert session.answers == 10


def test_waiting_commands_pause_the_session_until_they_begin(session: Session) -> None:
    frame = msgspec.json.encode({"event": "edit_message", "data": CHANGES["edit_message"]})
    session.commands.take(frame)  # runs exclusively
    for _ in range(MAX_WAITING):
        assert not session.pauses
        session.commands.take(frame)
    assert session.pauses == PauseReason.COMMANDS_WAIT
    session.run.run_all()
    assert not session.pauses


class Reader:
    """An owner of a connection that keeps the input."""

    def __init__(self) -> None:
        self.data = b""

    def received(self, data: bytes) -> None:
        self.data += data

    def drained(self) -> None:
        pass

    def overflowed(self) -> None:
        pass

    def on_closed(self) -> None:
        pass


@in_own_hub
def test_connection_reads_again_when_every_pause_is_over() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reader = Reader()
    connection = Connection(ours, reader, Flusher(), Limits(100, 1000, 1.0))
    connection.pause_reading(PauseReason.COMMANDS_WAIT)
    connection.pause_reading(PauseReason.UNANSWERED)
    connection.pause_reading(PauseReason.UNANSWERED)
    theirs.sendall(b"frame")
    connection.resume_reading(PauseReason.COMMANDS_WAIT)
    gevent.sleep(0.05)
    assert reader.data == b""
    connection.resume_reading(PauseReason.UNANSWERED)
    gevent.sleep(0.05)
    assert reader.data == b"frame"
    connection.abort()
    theirs.close()
