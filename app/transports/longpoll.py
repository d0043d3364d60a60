"""Long-poll: ``GET /api/v1/events/poll?cursor=&wait=25``, for clients that support nothing else.

Between two polls, the session stays parked in the gateway and collects events, so that the usual next poll costs no
query. This is only a shortcut: if the poll reaches another gateway, or comes too late, the cursor resumes
from the store.
"""

from __future__ import annotations

import time
from typing import Any

import gevent
import msgspec
from flask import Flask, Response
from gevent.event import Event as Flag

from app.admission import stepped_aside
from app.api.caller import require_caller
from app.api.parsing import parse_query
from app.core.answer_size import ANSWER_BYTES, ENVELOPE_BYTES, count_within
from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.commands import PollQuery
from app.core.cursor import respelled
from app.core.errors import ParleyError, Unauthorized
from app.core.event_kinds import EVENTS
from app.core.events import Event, make_event, with_cursor
from app.core.part import Part
from app.gateway.gateway import Gateway
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import REPLAY_BACKLOG_BYTES, Streams
from app.services.messaging.move_mark import MarkMover
from app.transports.begin_stream import begin_stream
from app.transports.connection_protocol import Limits
from app.transports.session import Session

PATH = "/api/v1/events/poll"
PARKED_SECONDS = 30.0
# A poll collects for this long after its first event, because a poll costs as much as ten messages.
COLLECT_SECONDS = 0.01
AROUND_EVENT = 100  # bytes of an event in an answer beside its data: its name and its cursor
MAX_EVENTS = 500  # per answer; the next poll returns the rest at once


class PollSession(Session):
    __slots__ = ("_bytes", "_ended", "_events", "_flag", "_limits", "_polls", "_sent", "answered_at", "cursor")

    transport = "longpoll"
    writes_batches = False  # its answers are lists of events

    def __init__(self, caller: Caller, *, registry: SessionRegistry, streams: Streams, limits: Limits) -> None:
        super().__init__(registry, streams)
        self.identify(caller)
        self._limits = limits
        self.auto_ack = True  # collects written messages; the next poll's cursor confirms them
        self._events: list[Event] = []
        self._bytes = 0
        self._flag: Flag | None = None
        self._sent: dict[int, int] | None = None
        self._ended: ParleyError | None = None
        self._polls = 0
        self.cursor = ""  # the cursor of the last answer
        self.answered_at = time.monotonic()
        registry.add(self)

    def write(self, event: Event) -> None:
        self._events.append(event)
        self._bytes += len(event.data) + AROUND_EVENT
        limits = self._limits
        if len(self._events) > limits.blocks or self._bytes > limits.bytes:
            self.registry.activity.count("slow_readers")
            self.close(CloseCode.TOO_SLOW)  # parked too long: its cursor resumes from the store
        elif self._flag is not None:
            self._flag.set()

    def backlog(self) -> int:
        return self._bytes

    def wait_for_reader(self) -> None:
        """Nobody reads while an answer is collected. Once the events fill one answer, the session ends: with the cursor
        of the answer, the client gets the rest from the store.
        """
        if len(self._events) >= MAX_EVENTS or self._bytes > REPLAY_BACKLOG_BYTES:
            self.close(CloseCode.NORMAL)

    def close(self, code: int, error: ParleyError | None = None) -> None:
        if not self.closed:
            self._ended = error
            self.end_code = int(code)
            self.registry.activity.count_close(code)
            self.on_closed()
            if self._flag is not None:
                self._flag.set()

    def check(self, now: float, wall: float) -> None:
        if wall >= self.expires_at:
            self.close(CloseCode.UNAUTHORIZED, Unauthorized("The token has expired."))
        elif self._flag is None and now - self.answered_at > PARKED_SECONDS:
            self.close(CloseCode.NORMAL)

    def confirmed(self) -> None:
        """The client returned with the cursor of the last answer, so it has received that answer."""
        if self._sent:
            marks, self._sent = self._sent, None
            self.streams.deliveries.add(self.user_id, marks)

    def wait(self, seconds: float) -> bool:
        """Waits until there is an event, the session ends, another poll takes over, or ``seconds`` have passed.

        Returns False if another poll has taken over: the events belong to that poll, and this one must not take any.
        """
        self._polls += 1
        mine = self._polls
        if self._flag is not None:
            self._flag.set()  # an earlier poll of this session, which answers without events
        flag = self._flag = Flag()
        if not self._events and not self.closed:
            with stepped_aside():
                flag.wait(timeout=seconds)
        if self._events and seconds and mine == self._polls:
            gevent.sleep(COLLECT_SECONDS)
        if mine != self._polls:
            return False
        self._flag = None
        return True

    def take(self) -> list[Event]:
        count = len(self._events)
        if count > MAX_EVENTS or self._bytes > ANSWER_BYTES - ENVELOPE_BYTES:
            sizes = (len(event.data) + AROUND_EVENT for event in self._events[:MAX_EVENTS])
            count = count_within(sizes, ANSWER_BYTES - ENVELOPE_BYTES)
        events, self._events = self._events[:count], self._events[count:]
        self._bytes = sum(len(event.data) + AROUND_EVENT for event in self._events)
        self._sent, self._undelivered = self._undelivered, None
        self.answered_at = time.monotonic()
        self.registry.activity.count("polls")
        return events

    def collect(self) -> list[Event]:
        """Returns the events of one answer, each with a cursor. Raises the error that ended the session."""
        if self._ended is not None:
            raise self._ended
        events = self.take()
        before = self.cursor
        for index, event in enumerate(events):
            if event.cursor:
                self.cursor = event.cursor
                continue
            if self.cursor == before and EVENTS[event.name].replayed != "no":
                # A client that did not get this answer returns with the old text, and resumes from the store.
                self.cursor = respelled(before)
            events[index] = with_cursor(event, self.cursor)
        return events

    def poll_again(self, query: PollQuery) -> list[Event] | None:
        """Answers the next poll of a parked session. Returns None if the session has ended with an error."""
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
    """Polls, and the sessions that are parked between them."""

    def __init__(self, *, registry: SessionRegistry, streams: Streams, marks: MarkMover, limits: Limits) -> None:
        self._registry = registry
        self._streams = streams
        self._marks = marks
        self._limits = limits

    def poll(self, caller: Caller, query: PollQuery) -> Response:
        session = self.parked(caller, query.cursor) if query.cursor else None
        if session is not None:
            session.confirmed()
        else:
            session = self._new(caller, query.cursor)
        if query.cursor and not session.wait(query.wait):
            return _answer(query.cursor, [])
        events = session.collect()
        return _answer(session.cursor, events)

    def parked(self, caller: Caller, cursor: str) -> PollSession | None:
        for session in self._registry.sessions_of(caller.user_id):
            if isinstance(session, PollSession) and session.auth_session == caller.sid and session.cursor == cursor:
                session.expires_at = caller.expires_at
                return session
        return None

    def _new(self, caller: Caller, cursor: str) -> PollSession:
        session = PollSession(caller, registry=self._registry, streams=self._streams, limits=self._limits)
        try:
            self._open(session, cursor)
        except BaseException:
            session.on_closed()
            raise
        return session

    def _open(self, session: PollSession, cursor: str) -> None:
        self._registry.check_room()
        joined, positions, resync = begin_stream(session, cursor or None)
        session.cursor = joined["cursor"]
        if positions is not None:
            session.cursor = cursor
            for number, position in enumerate(positions):
                part = Part(number, len(positions))
                self._marks.confirm_polled(session.user_id, position.version, part)
            session.catch_up_all()
            return
        name = "resync" if resync else "joined"
        data = {"cursor": session.cursor} if resync else joined
        session.write(make_event(name, data, cursor=session.cursor))
        session.go_live_all()


def install(app: Flask, gateway: Gateway, limits: Limits) -> Polls:
    """Routes ``/api/v1/events/poll``."""
    polls = Polls(registry=gateway.sessions, streams=gateway.streams, marks=gateway.messaging.marks, limits=limits)

    @app.get(PATH)
    def poll() -> Any:
        gateway.start()
        caller = require_caller()
        return polls.poll(caller, parse_query(PollQuery))

    return polls
