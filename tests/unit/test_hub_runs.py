"""Receipts that arrive together are written together. Sessions see no difference except in the number of writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from app.core.events import Event, EventBatch
from app.core.kinds import Kind
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
    """Records the bytes that a client receives over WebSocket and as an event stream, and the number of writes."""

    def __init__(self, user_id: int, position: int, *, runs: bool) -> None:
        super().__init__(SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
        self.user_id, self.position, self.writes_batches = user_id, position, runs
        self.id = f"{user_id}"
        self.frames = self.blocks = b""
        self.writes = 0

    def write(self, event: Event) -> None:
        self.frames += event.frame
        self.blocks += event.sse
        self.writes += 1


def records(items: list[tuple[Kind, list[int]]]) -> list[list[Any]]:
    body = '"senderId":9,"message":"hello"'
    return [
        [users, [int(kind), 7, at, at, 1_700_000_000_000, 9, "id", body if kind == Kind.MESSAGE else "", "origin", "g"]]
        for at, (kind, users) in enumerate(items, 1)
    ]


def dispatch_to_readers(items: list[tuple[Kind, list[int]]], position: int, *, runs: bool, holds: bool) -> list[Reader]:
    hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
    readers = [Reader(user, position, runs=runs) for user in (ANN, ANN, BEN)]
    for reader in readers:
        hub.add(reader)
        if holds:
            reader.begin_holding()
    hub.dispatch(1, records(items))
    if holds:
        for reader in readers:
            reader.go_live(position)
    return readers


@given(items=ITEMS, position=st.integers(0, 22), holds=st.booleans())
def test_batched_writes_equal_single_writes(items: list[tuple[Kind, list[int]]], position: int, holds: bool) -> None:
    for batched, single in zip(
        dispatch_to_readers(items, position, runs=True, holds=holds),
        dispatch_to_readers(items, position, runs=False, holds=holds),
        strict=True,
    ):
        assert batched.frames == single.frames
        assert batched.blocks == single.blocks
        assert batched.position == single.position


def test_fifty_receipts_are_one_write() -> None:
    ann, _, ben = dispatch_to_readers([(Kind.DELIVERED, [ANN, BEN])] * 50, 0, runs=True, holds=False)
    assert (ann.writes, ben.writes) == (1, 1)
    assert ann.frames.count(b"message_delivered") == 50


def test_batch_has_the_cursor_of_its_last_event() -> None:
    events = [Event("message_read", b"{}", version=n, cursor=f"c{n}") for n in (3, 5)]
    run = EventBatch(events)
    assert (run.version, run.cursor, run.parts) == (5, "c5", events)
