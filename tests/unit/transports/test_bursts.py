"""A burst changes nothing that a client gets, and no delivered mark. It only calls fewer functions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.kinds import Kind
from app.core.position import Position
from app.core.ws_codec import encode_ping
from app.fanout import hub as hub_module
from app.fanout.hub import Hub
from app.services.messaging.delivery_batcher import DeliveryBatcher
from app.transports.burst import Bursts
from app.transports.connection import Connection
from app.transports.connection_protocol import Limits
from app.transports.flusher import Flusher
from app.transports.shard_burst import ShardBursts
from app.transports.shard_flow import ShardFlow
from app.transports.websocket_session import WebSocketSession
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE
from tests.twins.scripted_socket import ScriptedSocket, socket_pair

GROUP = 7
USERS = [1, 2, 3, 4, 4]  # the last one has two sessions


class Other(WebSocketSession):
    """A session of another transport: no burst takes it."""

    __slots__ = ()


class Room:
    """Sessions of one gateway, each with a scripted socket. ``starts``: their positions in each shard, if there are
    several.
    """

    def __init__(
        self, stack: ExitStack, rooms: list[list[int]], users: list[int], starts: list[list[int]], *, bursts: bool
    ) -> None:
        nothing = lambda *_, **__: None  # noqa: E731
        activity = SimpleNamespace(count=nothing, count_close=nothing, count_error=nothing)
        shards = len(starts[0]) if starts else 1
        self.hubs = [Hub(nothing, revoked=nothing) for _ in range(shards)]
        self.timers: list[Any] = []
        self.marks: list[Any] = []
        deliveries = DeliveryBatcher(
            mark_delivered=lambda conversation, seqs: self.marks.append((conversation, seqs)),
            call_later=lambda _seconds, act: self.timers.append(act),
        )
        flusher = Flusher()
        if bursts:
            for number, hub in enumerate(self.hubs):
                hub.offer_to_many = (ShardBursts(flusher, number) if starts else Bursts(flusher)).offer
        self._parts: dict[str, Any] = {
            "registry": SimpleNamespace(add=nothing, remove=nothing, leave=nothing, activity=activity),
            "streams": SimpleNamespace(deliveries=deliveries, max_backlog=1 << 20),
            "services": None,
            "settings": SimpleNamespace(early_frame_bytes=65536, extra_frames=500, ping_seconds=20, join_seconds=1e9),
        }
        self.sockets: list[ScriptedSocket] = []
        self.sessions = [self._open(stack, flusher, number, room) for number, room in enumerate(rooms)]
        for number, (session, user) in enumerate(zip(self.sessions, users, strict=False)):
            session.user_id = user
            self._enter(session, starts[number] if starts else [])
        self.version = 100

    def _open(self, stack: ExitStack, flusher: Flusher, number: int, room: list[int]) -> WebSocketSession:
        near, _ = stack.enter_context(socket_pair(list(room)))
        kind = Other if number == 2 else WebSocketSession
        connect = partial(Connection, near, flusher=flusher, limits=Limits(6, 2000, 10.0))
        session = kind(connect, b"", None, **self._parts)
        stack.callback(session.connection.abort)
        session.id, session.auto_ack, session.joined = f"s{number}", number != 1, False
        self.sockets.append(near)
        return session

    def _enter(self, session: WebSocketSession, start: list[int]) -> None:
        if start:
            session._flows = [ShardFlow(session, session.streams, number) for number in range(len(start))]
            session.start_at([Position(1, version) for version in start])
        for hub, flow in zip(self.hubs, session.flows, strict=True):
            hub.add(flow)

    def message(self, users: list[int], by: tuple[int, str], size: int, shard: int) -> None:
        sender, session = by
        self.version += 1
        body = f'"senderId":{sender},"message":"{"x" * size}"'
        place = [GROUP + shard, self.version, self.version, 1_700_000_000_000]
        self.hubs[shard % len(self.hubs)].dispatch(
            1, [[users, [int(Kind.MESSAGE), *place, sender, "id", body, session, "g"]]]
        )

    def text(self, users: list[int]) -> None:
        self.hubs[0].dispatch(1, [[users, [int(Kind.APPENDED), GROUP, 1, "id", 0, "text", ""]]])

    def play(self, act: Any) -> None:
        what, *more = act
        if what == "message":
            self.message(*more[:4])
        elif what == "text":
            self.text(*more)
        elif what == "turn":
            gevent.sleep(0)
        else:
            getattr(self, what)(self.sessions[more[0]], *more[1:])

    def ping(self, session: WebSocketSession) -> None:
        session.connection.send_control(encode_ping(b"?"))

    def answer(self, session: WebSocketSession) -> None:
        session.answer("pong", {}, "ref")

    def hold(self, session: WebSocketSession, shard: int) -> None:
        flow = session.flows[shard % len(self.hubs)]
        if not flow.catching_up:
            flow.begin_holding()

    def release(self, session: WebSocketSession, shard: int) -> None:
        flow = session.flows[shard % len(self.hubs)]
        if flow.catching_up and not flow.closed:
            flow.go_live(flow.position)

    def close(self, session: WebSocketSession) -> None:
        session.send_close(1000, "bye")

    def discard(self, session: WebSocketSession) -> None:
        session.overflowed()

    def abort(self, session: WebSocketSession) -> None:
        session.connection.abort()

    def waits_for_drain(self, session: WebSocketSession) -> None:
        if session.connection.busy:  # commands wait only if there is a backlog
            session.when_drained(partial(session.answer, "pong", {}, "drained"))

    def settle(self) -> None:
        with gevent.Timeout(PATIENCE, AssertionError("something is never written")):
            while any(session.connection.waiting for session in self.sessions):
                gevent.sleep(0)
        gevent.sleep(0)

    def positions(self) -> list[Any]:
        return [(session.positions, [flow.position for flow in session.flows]) for session in self.sessions]

    def take_marks(self) -> list[Any]:
        while self.timers:
            self.timers.pop()()
        return sorted((conversation, sorted(seqs.items())) for conversation, seqs in self.marks)


@contextmanager
def open_rooms(
    rooms: list[list[int]], users: list[int], starts: list[list[int]] | None = None
) -> Iterator[tuple[Room, Room]]:
    """Yields two rooms to which the same happens: one without bursts, one with them."""
    with ExitStack() as stack:
        yield (
            Room(stack, rooms, users, starts or [], bursts=False),
            Room(stack, rooms, users, starts or [], bursts=True),
        )


who = st.lists(st.sampled_from(sorted(set(USERS))), min_size=2, max_size=4, unique=True)
SESSIONS = st.integers(0, len(USERS) - 1)
# The senders and their sessions; the last one sends by REST.
FROM = st.sampled_from([(1, "s0"), (4, "s3"), (4, "s4"), (4, "s9"), (2, "")])
SHARDS = st.sampled_from([0, 0, 0, 1, 1, 3])
MESSAGES = st.tuples(st.just("message"), who, FROM, st.integers(0, 300), SHARDS, st.booleans())
OTHERS = ["ping", "answer", "close", "discard", "abort", "waits_for_drain"]
ACTS = st.lists(
    st.one_of(
        MESSAGES,
        st.tuples(st.just("turn")),
        st.tuples(st.just("text"), who),
        st.tuples(st.sampled_from(["hold", "release"]), SESSIONS, SHARDS),
        st.tuples(st.sampled_from(OTHERS), SESSIONS),
    ),
    max_size=30,
)
STARTS = st.lists(st.lists(st.integers(90, 92), min_size=4, max_size=4), min_size=len(USERS), max_size=len(USERS))
ROOMS = st.lists(st.lists(st.integers(0, 200), max_size=6), min_size=len(USERS), max_size=len(USERS))


@given(acts=ACTS, rooms=ROOMS)
@settings(max_examples=150, deadline=None)
def test_bursts_write_and_mark_what_single_offers_do(acts: list[Any], rooms: list[list[int]]) -> None:
    compare(acts, rooms, None)


@given(acts=ACTS, rooms=ROOMS, starts=STARTS)
@settings(max_examples=150, deadline=None)
def test_bursts_of_several_shards_give_each_session_its_own_cursor(
    acts: list[Any], rooms: list[list[int]], starts: list[list[int]]
) -> None:
    compare(acts, rooms, starts)


@in_own_hub
def compare(acts: list[Any], rooms: list[list[int]], starts: list[list[int]] | None) -> None:
    many, hub_module.MANY = hub_module.MANY, 2
    try:
        with open_rooms(rooms, USERS, starts) as (single, bursts):
            for act in acts:
                single.play(act)
                bursts.play(act)
                if act[-1] is True:
                    gevent.sleep(0)
            single.settle()
            bursts.settle()
            for one, other in zip(single.sockets, bursts.sockets, strict=True):
                assert other.writes == one.writes
            assert bursts.positions() == single.positions()
            assert bursts.take_marks() == single.take_marks()
            for hub, other in zip(bursts.hubs, single.hubs, strict=True):
                assert hub.events_delivered == other.events_delivered
    finally:
        hub_module.MANY = many


@in_own_hub
def test_message_is_delivered_when_its_last_byte_has_left() -> None:
    with open_rooms([[], [], [], [20, 0, 0]], [1, 2, 3, 4]) as (_, room):
        many, hub_module.MANY = hub_module.MANY, 2
        room.message([1, 2, 3, 4], (9, ""), 100, 0)
        hub_module.MANY = many
        gevent.sleep(0)
        assert room.take_marks() == [(GROUP, [(1, 101), (3, 101)])], (
            "the second one acks by itself, the fourth one reads slowly"
        )
        room.settle()
        assert room.take_marks()[-1] == (GROUP, [(4, 101)])


@pytest.mark.parametrize("shards", [1, 4])
@in_own_hub
def test_burst_calls_nothing_for_each_session_but_the_send(shards: int) -> None:
    receivers = 50
    users = list(range(1, receivers + 1))
    # In the first shard, each session has a start of its own: the first event makes their positions equal.
    starts = [[number, 7, 8, 9] for number in users] if shards > 1 else None
    with open_rooms([[]] * receivers, users, starts) as (_, room):
        room.message(users, (9, ""), 100, 0)
        gevent.sleep(0)
        calls = 0

        def count(_frame: Any, event: str, _arg: Any) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            room.message(users, (9, ""), 100, 1)
            gevent.sleep(0)
        finally:
            sys.setprofile(None)
        assert all(len(socket.writes) == 2 for socket in room.sockets)
        # ScriptedSocket.send is a function of Python; one session is not taken by bursts.
        assert calls < 4 * receivers
