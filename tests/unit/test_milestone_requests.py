"""A session whose cursor gets long asks for milestones, in the shards where they help, at most once a second."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from app.core.cursor import LONG, encode_positions
from app.core.events import Event
from app.core.position import MILESTONE_BITS, Position
from app.gateway.milestone_requests import MilestoneRequests
from app.transports.shard_burst import ShardBursts
from app.transports.shard_flow import ShardFlow
from app.transports.websocket_session import WebSocketSession

NOW = 1_780_000_000_000_000
MILESTONE = 1 << MILESTONE_BITS
HOUR_US = 3_600_000_000
ANN = 7
# Of 64 shards that had an event of this session, each at another time.
APART = [NOW - number * HOUR_US // 3 for number in range(64)]


class Queue:
    def __init__(self) -> None:
        self.users: list[int] = []

    def submit(self, user_id: int, outcome: Any) -> None:
        self.users.append(user_id)
        outcome(None, None)


class Session:
    def __init__(self, flows: list[Any]) -> None:
        self.user_id, self.flows = ANN, flows


class World:
    def __init__(self, versions: list[int], away: tuple[int, ...] = ()) -> None:
        self.queues: list[Any] = [Queue() for _ in versions]
        self.requests = MilestoneRequests(
            [(queue, lambda number=number: number in away) for number, queue in enumerate(self.queues)]
        )
        flows = [SimpleNamespace(position=version, catching_up=False, closed=False) for version in versions]
        self.session = Session(flows)

    def asked(self) -> list[int]:
        """Returns the shards that are asked when the next second is over."""
        self.requests.send()
        found = [number for number, queue in enumerate(self.queues) for _ in queue.users]
        assert all(user == ANN for queue in self.queues for user in queue.users)
        for queue in self.queues:
            queue.users.clear()
        return found


def test_shards_in_which_the_session_is_far_behind_are_asked() -> None:
    world = World([NOW, NOW - MILESTONE, NOW - 3 * MILESTONE, NOW - HOUR_US])
    world.requests.ask(world.session)
    assert world.asked() == [2, 3]


def test_shard_that_is_away_and_flow_that_catches_up_are_left_out() -> None:
    world = World([NOW, NOW - HOUR_US, NOW - HOUR_US, NOW - HOUR_US], away=(1,))
    world.session.flows[2].catching_up = True
    world.requests.ask(world.session)
    assert world.asked() == [3]


def test_session_asks_at_most_once_a_second() -> None:
    world = World([NOW, NOW - HOUR_US])
    for _ in range(3):
        world.requests.ask(world.session)
    assert world.asked() == [1]
    assert world.asked() == []


def test_session_that_has_ended_asks_no_more() -> None:
    world = World([NOW, NOW - HOUR_US])
    world.requests.ask(world.session)
    for flow in world.session.flows:
        flow.closed = True
    assert world.asked() == []


def asking(positions: list[int], asked: list[Any]) -> Any:
    """Returns the flow of shard 0 of a session with these positions."""
    streams: Any = SimpleNamespace(ask_for_milestones=asked.append)
    session: Any = WebSocketSession.__new__(WebSocketSession)
    session.streams, session.id, session.user_id, session.auth_session, session.auto_ack = streams, "s", ANN, "", False
    session.positions = tuple(Position(1, version) for version in positions)
    session.connection = SimpleNamespace(busy=False, blocks=None, send=lambda _frame: None)
    flow = ShardFlow(session, streams, 0)
    flow.position = positions[0]
    return flow


def event() -> Event:
    return Event("shard 0", b"{}", version=NOW + 5, cursor=f"1.{NOW + 5:x}")


def test_session_asks_with_an_event_whose_cursor_is_long() -> None:
    asked: list[Any] = []
    near, far = asking([NOW] * 64, asked), asking(APART, asked)
    near.offer(event())
    assert asked == []
    far.offer(event())
    assert asked == [far.outlet]
    assert len(encode_positions(far.outlet.positions)) > LONG


def test_all_sessions_of_a_burst_with_a_long_cursor_ask() -> None:
    asked: list[Any] = []
    near, *far = asking([NOW] * 64, asked), asking(APART, asked), asking(APART, asked)
    flusher: Any = SimpleNamespace(add=lambda _burst: None)
    ShardBursts(flusher, 0).offer([near, *far], event())
    assert asked == [flow.outlet for flow in far]
