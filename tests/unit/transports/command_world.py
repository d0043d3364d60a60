"""A session that takes commands, with a gateway in memory."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import gevent

from app.core.caller import Caller
from app.core.errors import ParleyError, Unauthorized
from app.transports.command_session import CommandServices, CommandSession
from app.transports.commands import Commands
from app.transports.connection_protocol import PauseReason
from tests.twins.memory_gateway import MemoryGateway

ANN, BEN = 1, 2
PAIR = 7


class Session(CommandSession):
    """Keeps the answers, by ref and in order."""

    def __init__(self, gateway: MemoryGateway, services: CommandServices) -> None:
        streams: Any = SimpleNamespace(run_blocking=gateway.run_blocking, max_backlog=100)
        super().__init__(SimpleNamespace(), streams)  # type: ignore[arg-type]
        self.pauses = PauseReason(0)
        self.all: list[tuple[str | None, str, Any]] = []
        self.bad = self.good = 0
        self.closes: list[int] = []
        self.caller: Caller | None = None
        self.unread_by_client = 0
        self.after_draining: list[Any] = []
        self.commands = Commands(self, services)

    @property
    def handshake_caller(self) -> Caller | None:
        return self.caller

    def pause(self, reason: PauseReason) -> None:
        self.pauses |= reason

    def resume(self, reason: PauseReason) -> None:
        self.pauses &= ~reason

    def backlog(self) -> int:
        return self.unread_by_client

    def when_drained(self, act: Any) -> None:
        self.after_draining.append(act)

    def answer(self, name: str, data: Any, ref: str | None) -> None:
        self.all.append((ref, name, data))

    def refuse(self, error: ParleyError, ref: str | None) -> None:
        self.all.append((ref, "error", error.code))

    def bad_frame(self, error: ParleyError, ref: str | None) -> None:
        self.bad += 1
        self.refuse(error, ref)

    def good_frame(self) -> None:
        self.good += 1

    def send_close(self, code: int, reason: str = "") -> None:
        self.closes.append(code)

    def take(self, event: str, data: Any, ref: object) -> None:
        self.commands.take(json.dumps({"event": event, "data": data, "ref": str(ref)}).encode())

    def answers(self, ref: object) -> list[tuple[str, Any]]:
        return [(name, data) for found, name, data in self.all if found == str(ref)]


class Faults:
    """``fetch`` is called by each fetch_unread_messages, which yields to other greenlets as a read of a store does."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def fetch(self, _user: int, _conversation: int | None, _limit: int) -> dict[str, Any]:
        gevent.sleep(0)
        if self.error is not None:
            raise self.error
        return {"messages": []}


def verify(token: str) -> Caller:
    if token != "good":
        raise Unauthorized
    return Caller(ANN, "sid", 2**40)


def make_session(
    gateway: MemoryGateway, faults: Faults | None = None, *, joined: bool = True, make: type[Session] = Session
) -> Session:
    gateway.store.add_direct(PAIR, ANN, BEN)
    unused: Any = None
    services = CommandServices(
        sender=gateway.sender,
        editor=unused,
        changes=unused,
        marks=gateway.marks,
        typing=unused,
        events=unused,
        streams=unused,
        presence=unused,
        fetch_unread=(faults or Faults()).fetch,
        verify_token=verify,
    )
    session = make(gateway, services)
    if joined:
        session.identify(Caller(ANN, "sid", 2**40))
        session.joined = True
    return session
