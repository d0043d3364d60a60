"""Marks that come together are written as one; no session may notice it by anything but the number of writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from app.core.events import Event, Run
from app.core.records import Kind
from app.fanout.hub import Hub
from app.transports.session import Session

ANN, BEN = 1, 2
ITEMS = st.lists(
    st.tuples(
        st.sampled_from([Kind.MESSAGE, Kind.DELIVERED, Kind.READ]), st.sampled_from([[ANN, BEN], [ANN], [BEN, ANN]])
    ),
    max_size=20,
)


class Reader(Session):
    """Writes down what a client would see, over WebSocket, as an event stream and one by one."""

    def __init__(self, user_id: int, position: int, *, runs: bool) -> None:
        super().__init__(SimpleNamespace(flusher=None))  # type: ignore[arg-type]
        self.user_id, self.position, self.writes_runs = user_id, position, runs
        self.id = f"{user_id}"
        self.frames = self.blocks = b""
        self.writes = 0

    def write(self, event: Event) -> None:
        self.frames += event.frame
        self.blocks += event.sse
        self.writes += 1

    def hold(self) -> None:
        self._catching_up, self._buffer = True, []


def records(items: list[tuple[Kind, list[int]]]) -> list[list[Any]]:
    body = '"senderId":9,"message":"hello"'
    return [
        [users, [int(kind), 7, at, at, 1_700_000_000_000, 9, "id", body if kind == Kind.MESSAGE else "", "origin", "g"]]
        for at, (kind, users) in enumerate(items, 1)
    ]


def told(items: list[tuple[Kind, list[int]]], position: int, *, runs: bool, holds: bool) -> list[Reader]:
    hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
    readers = [Reader(user, position, runs=runs) for user in (ANN, ANN, BEN)]
    for reader in readers:
        hub.add(reader)
        if holds:
            reader.hold()
    hub.dispatch(1, records(items))
    if holds:
        for reader in readers:
            reader.go_live(position)
    return readers


@given(items=ITEMS, position=st.integers(0, 22), holds=st.booleans())
def test_what_is_written_together_is_what_is_written_one_by_one(
    items: list[tuple[Kind, list[int]]], position: int, holds: bool
) -> None:
    for joined, single in zip(
        told(items, position, runs=True, holds=holds), told(items, position, runs=False, holds=holds), strict=True
    ):
        assert joined.frames == single.frames
        assert joined.blocks == single.blocks
        assert joined.position == single.position


def test_fifty_marks_are_one_write() -> None:
    ann, _, ben = told([(Kind.DELIVERED, [ANN, BEN])] * 50, 0, runs=True, holds=False)
    assert (ann.writes, ben.writes) == (1, 1)
    assert ann.frames.count(b"message_delivered") == 50


def test_a_run_ends_where_its_last_event_does() -> None:
    events = [Event("message_read", b"{}", version=n, cursor=f"c{n}") for n in (3, 5)]
    run = Run(events)
    assert (run.version, run.cursor, run.parts) == (5, "c5", events)
