"""Long-poll: ``GET /api/v1/events/poll?cursor=&wait=25``, for clients that have nothing else.

Between two polls the session stays parked in the gateway, with what came meanwhile, so that the usual next poll costs
no query. It is only a shortcut: where the poll comes to another gateway, or too late, the cursor resumes from the
store.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import msgspec
from flask import Flask, Response
from gevent.event import Event as Flag

from app.api.caller import require_caller
from app.api.parsing import parse_query
from app.core.commands import PollQuery
from app.core.errors import ParleyError, Unauthorized
from app.core.events import Event, make_event, with_cursor
from app.services.messaging.confirm_polled import confirm_polled
from app.transports.session import REPLAY_BACKLOG_BYTES, Session, begin_stream

if TYPE_CHECKING:
    from app.core.caller import Caller
    from app.transports.gateway import Gateway

PATH = "/api/v1/events/poll"
PARKED_SECONDS = 30.0
# After the first event: a poll costs as much as ten messages, so what follows closely goes along.
GATHER_SECONDS = 0.01
MAX_EVENTS = 500  # in one answer; the next poll brings the rest at once


class PollSession(Session):
    __slots__ = ("_bytes", "_ended", "_events", "_flag", "_polls", "_sent", "answered_at", "told")

    transport = "longpoll"
    writes_batches = False  # its answers are lists of events

    def __init__(self, gateway: Gateway, caller: Caller) -> None:
        super().__init__(gateway)
        self.identify(caller)
        self.auto_ack = True  # "auto" gathers what was written; the next poll's cursor confirms it
        self._events: list[Event] = []
        self._bytes = 0
        self._flag: Flag | None = None
        self._sent: dict[int, int] | None = None
        self._ended: ParleyError | None = None
        self._polls = 0
        self.told = ""  # the cursor of the last answer
        self.answered_at = time.monotonic()
        gateway.keep(self)

    def write(self, event: Event) -> None:
        self._events.append(event)
        self._bytes += len(event.data)
        limits = self.gateway.limits
        if len(self._events) > limits.blocks or self._bytes > limits.bytes:
            self.gateway.count("slow_readers")
            self.end(None, 4429)  # parked too long: its cursor resumes from the store
        elif self._flag is not None:
            self._flag.set()

    def backlog(self) -> int:
        """A replay gathers no more than one answer takes."""
        return self._bytes

    def _wait_for_reader(self) -> None:
        """Nobody reads while the answer is gathered. Once there is enough for one, the session ends: the cursor of the
        answer brings the rest from the store."""
        if len(self._events) >= MAX_EVENTS or self._bytes > REPLAY_BACKLOG_BYTES:
            self.end(None, 1000)

    def end(self, error: ParleyError | None, close_code: int) -> None:
        if not self.closed:
            self._ended = error
            self.gateway.count_close(close_code)
            self.gone()
            if self._flag is not None:
                self._flag.set()

    def check(self, now: float, wall: float) -> None:
        if wall >= self.expires_at:
            self.end(Unauthorized("The token ended."), 4401)
        elif self._flag is None and now - self.answered_at > PARKED_SECONDS:
            self.end(None, 1000)

    def confirmed(self) -> None:
        """The client came back with the cursor of the last answer: it has what that held."""
        if self._sent:
            marks, self._sent = self._sent, None
            self.gateway.deliveries.note(self.user_id, marks)

    def wait(self, seconds: float) -> bool:
        """Until something is there, the session ends, another poll takes over, or ``seconds`` have passed.

        False where another poll has taken over: what comes is that one's, and this one must take nothing away from it.
        """
        self._polls += 1
        mine = self._polls
        if self._flag is not None:
            self._flag.set()  # an earlier poll of this session: it answers with nothing
        flag = self._flag = Flag()
        if not self._events and not self.closed:
            flag.wait(timeout=seconds)
        if self._events and seconds and mine == self._polls:
            gevent.sleep(GATHER_SECONDS)
        if mine != self._polls:
            return False
        self._flag = None
        return True

    def take(self) -> list[Event]:
        events, self._events = self._events[:MAX_EVENTS], self._events[MAX_EVENTS:]
        self._bytes = sum(len(event.data) for event in self._events)
        self._sent, self._undelivered = self._undelivered, None
        self.answered_at = time.monotonic()
        self.gateway.count("polls")
        return events

    def collect(self) -> list[Event]:
        """What there is for one answer, each with a cursor. Raise what the session was ended with."""
        if self._ended is not None:
            raise self._ended
        events = self.take()
        for index, event in enumerate(events):
            if event.cursor:
                self.told = event.cursor
            else:
                events[index] = with_cursor(event, self.told)
        return events

    def poll_again(self, query: PollQuery) -> list[Event] | None:
        """The next poll of a parked session; None where it ended meanwhile and there is an error to tell."""
        self.confirmed()
        if not self.wait(query.wait):
            return []
        return None if self._ended is not None else self.collect()


def answer_body(cursor: str, events: list[Event]) -> bytes:
    elements = b",".join(event.json for event in events)
    return b'{"cursor":%b,"events":[%b]}' % (msgspec.json.encode(cursor), elements)


def _answer(cursor: str, events: list[Event]) -> Response:
    return Response(answer_body(cursor, events), content_type="application/json")


class Polls:
    """Parked sessions by who polls."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def poll(self, caller: Caller, query: PollQuery) -> Response:
        session = self.parked(caller, query.cursor) if query.cursor else None
        if session is not None:
            session.confirmed()
        else:
            session = self._new(caller, query.cursor)
        if query.cursor and not session.wait(query.wait):
            return _answer(query.cursor, [])
        events = session.collect()
        return _answer(session.told, events)

    def parked(self, caller: Caller, cursor: str) -> PollSession | None:
        for session in self._gateway.hub.sessions_of(caller.user_id):
            if isinstance(session, PollSession) and session.auth_session == caller.sid and session.told == cursor:
                session.expires_at = caller.expires_at
                return session
        return None

    def _new(self, caller: Caller, cursor: str) -> PollSession:
        session = PollSession(self._gateway, caller)
        try:
            self._open(session, cursor)
        except BaseException:
            session.gone()
            raise
        return session

    def _open(self, session: PollSession, cursor: str) -> None:
        self._gateway.check_room()
        joined, position, resync = begin_stream(session, cursor or None)
        session.told = joined["cursor"]
        if position is not None:
            session.position = position.version
            confirm_polled(self._gateway.path, session.user_id, position.version)
            session.catch_up()
            return
        name = "resync" if resync else "joined"
        data = {"cursor": session.told} if resync else joined
        session.write(make_event(name, data, cursor=session.told))
        session.go_live(session.start)


def install(app: Flask, gateway: Gateway) -> Polls:
    """Route ``/api/v1/events/poll``."""
    polls = Polls(gateway)

    @app.get(PATH)
    def poll() -> Any:
        gateway.start()
        caller = require_caller()
        return polls.poll(caller, parse_query(PollQuery))

    return polls
