"""A new epoch begins while sessions are live: its seqs may be those of lost messages, so ``resync`` comes first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gevent
import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.core.close_codes import CloseCode
from app.core.events import Event, EventBatch
from app.core.kinds import Kind
from app.fanout.hub import Hub
from app.gateway.sessions import SessionRegistry
from app.gateway.shard_sessions import ShardSessions
from app.transports import event_flow
from app.transports.session import Session

ANN, BEN = 1, 2


def perhaps(_asked: Any, outcome: Any) -> None:
    outcome(True, None)


class Reader(Session):
    """``seen``: versions of events, and "resync". The store replays ``stored``."""

    def __init__(self, registry: SessionRegistry, user_id: int, stored: list[int]) -> None:
        replay = SimpleNamespace(changes_since=self._changes_since, news_since=lambda _user, _version: [])
        streams: Any = SimpleNamespace(
            replay=replay, run_replay=lambda act: act(), max_backlog=1, check_missed=perhaps, brings_news=True
        )
        super().__init__(registry, streams)
        self.user_id, self.joined, self.id = user_id, True, str(user_id)
        self.seen: list[int | str] = []
        self.closed_with = 0
        self._stored = stored

    def _changes_since(self, _user_id: int, begin: int, _since: int, _plan: object) -> tuple[list[Event], bool]:
        return [Event("changed", b"{}", version=at, cursor="") for at in self._stored if at > begin], False

    def write(self, event: Event | EventBatch) -> None:
        for part in getattr(event, "parts", [event]):
            self.seen.append("resync" if part.name == "resync" else part.version)

    def backlog(self) -> int:
        return 0

    def close(self, code: int, error: Any = None) -> None:
        self.closed_with = code


class World:
    def __init__(self) -> None:
        self.hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
        unused: Any = None
        self.sessions = ShardSessions(self.hub, unused)
        self.registry = SessionRegistry(
            shards=[self.sessions], devices=unused, activity=unused, max_sessions=9, max_sessions_per_user=9
        )
        self.stored: list[int] = []
        self.readers = [Reader(self.registry, user, self.stored) for user in (ANN, ANN, BEN)]
        for reader in self.readers:
            self.hub.add(reader)

    def publish(self, epoch: int, version: int, kind: Kind = Kind.MESSAGE) -> None:
        body = '"senderId":9,"message":"hello"' if kind == Kind.MESSAGE else ""
        record = [int(kind), 7, version, version, 1_700_000_000_000, 9, "id", body, "origin", "g"]
        self.hub.dispatch(epoch, [[[ANN, BEN], record]])
        self.stored.append(version)


@given(kinds=st.lists(st.sampled_from([Kind.MESSAGE, Kind.DELIVERED, Kind.READ]), max_size=5))
def test_no_event_of_a_new_epoch_comes_before_resync(kinds: list[Kind]) -> None:
    world = World()
    world.publish(1, 10)
    world.sessions.hold_all()
    for version, kind in enumerate(kinds, 21):
        world.publish(2, version, kind)
    assert [reader.seen for reader in world.readers] == [[10]] * 3
    world.sessions.reset_all(2, 20)
    world.publish(2, 40)
    later = list(range(21, 21 + len(kinds)))
    assert [reader.seen for reader in world.readers] == [[10, "resync", *later, 40]] * 3


def test_events_that_do_not_fit_are_read_from_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_flow, "BUFFER_EVENTS", 2)
    world = World()
    world.sessions.hold_all()
    for version in range(21, 26):
        world.publish(2, version)
    world.sessions.reset_all(2, 20)
    assert [reader.seen for reader in world.readers] == [["resync", 21, 22, 23, 24, 25]] * 3


def test_second_new_epoch_during_the_first_change_loses_nothing() -> None:
    world = World()
    world.sessions.hold_all()
    world.publish(2, 21)
    world.sessions.hold_all()
    world.publish(3, 31)
    world.sessions.reset_all(3, 30)
    world.sessions.reset_all(3, 30)
    assert [reader.seen for reader in world.readers] == [["resync", 21, 31, "resync"]] * 3


def test_session_that_catches_up_waits_for_resync_too() -> None:
    world = World()
    reader = world.readers[0]
    reader.begin_holding()
    world.sessions.hold_all()
    world.publish(2, 21)
    catching_up = gevent.spawn(reader.catch_up)
    gevent.sleep(0)
    assert reader.seen == []
    world.sessions.reset_all(2, 20)
    world.publish(2, 22)
    catching_up.get(timeout=60)
    assert reader.seen == ["resync", 21, 22]


def test_sessions_are_closed_if_the_new_epoch_cannot_be_read() -> None:
    world = World()
    world.sessions.hold_all()
    world.publish(2, 21)
    world.sessions.turn_away()
    assert [(reader.seen, reader.closed_with) for reader in world.readers] == [([], CloseCode.TRY_AGAIN_LATER)] * 3
