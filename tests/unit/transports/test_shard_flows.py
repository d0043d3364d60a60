"""A session of several shards: each shard's events come once and in order, whatever happens to the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.core.cursor import Position, decode_positions, encode_cursor
from app.core.events import Event, EventBatch
from app.fanout.hub import Hub
from app.gateway.sessions import SessionRegistry
from app.gateway.shard_sessions import ShardSessions
from app.gateway.streams import Streams
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import Epoch
from app.transports.begin_stream import begin_stream
from app.transports.join import _go_live
from app.transports.session import Session

ANN = 1
START = 1_000_000
shards_of = st.integers(0, 3)


class OneShard:
    """What one shard publishes and stores. ``work`` are the replays that were begun and have not run."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.epoch = CurrentEpoch(60)
        self.epoch.adopt(Epoch(1, 0))
        self.version = START + number
        self.stored: list[int] = []
        self.hub = Hub(lambda _versions, _error: None, revoked=lambda _sid: None)
        self.connected = True
        self.away = False
        self.work: list[Any] = []
        unused: Any = None
        self.streams = Streams(
            epoch=self.epoch,
            replay=SimpleNamespace(changes_since=self._changes_since, news_since=lambda _user, _since: []),  # type: ignore[arg-type]
            deliveries=unused,
            count_unread=lambda _user: {},
            check_missed=lambda _asked, outcome: outcome(True, None),
            refuse_ended=lambda _sid, _user: None,
            run_blocking=lambda act: act(),
            run_replay=self.work.append,
            client_limits={},
            resume_max_days=30,
            outbox_bytes=1000,
            brings_news=not number,
            known_version=lambda: self.version,
        )
        presence: Any = SimpleNamespace(
            register=lambda _user, outcome: outcome(None),
            begin_online=lambda _user: lambda: self.version,
            mark_offline=lambda _user: None,
        )
        self.sessions = ShardSessions(self.hub, presence, lambda: self.away)

    def _event(self, version: int) -> Event:
        name = f"shard {self.number}"
        return Event(name, b"{}", version=version, cursor=encode_cursor(self.epoch.number, version))

    def _changes_since(self, _user: int, begin: int, _since: int, _plan: object) -> tuple[list[Event], bool]:
        return [self._event(version) for version in self.stored if version > begin], False

    def publish(self, step: int) -> None:
        self.version += step
        self.stored.append(self.version)
        if self.connected:
            for flow in self.hub.sessions_of(ANN):
                flow.offer(self._event(self.version))

    def leave(self) -> None:
        """Its Redis does not answer any more, and nothing is sent to it either."""
        self.away, self.connected = True, False

    def come_back(self) -> None:
        self.away, self.connected = False, True
        self.sessions.resume_all()
        self.sessions.admit_absent()

    def run_replays(self) -> None:
        while self.work:
            self.work.pop(0)()


class Client(Session):
    """``seen``: (shard, version) in the order of arrival. ``cursor`` is the last one that arrived."""

    def __init__(self, world: World) -> None:
        super().__init__(world.registry, world.shards[0].streams)
        self.id, self.user_id, self.auth_session = "s", ANN, "sid"
        self.seen: list[tuple[str, int]] = []
        self.cursor = ""
        self.resyncs = 0

    def write(self, event: Event | EventBatch) -> None:
        self.cursor = event.cursor or self.cursor
        if event.name == "resync":
            self.resyncs += 1
        else:
            positions = decode_positions(event.cursor, 4)
            assert positions is not None
            number = int(event.name.removeprefix("shard "))
            self.seen.append((event.name, positions[number].version))

    def backlog(self) -> int:
        return 0

    def close(self, code: int, error: Any = None) -> None:
        self.on_closed()


class World:
    def __init__(self) -> None:
        self.shards = [OneShard(number) for number in range(4)]
        for shard in self.shards:
            shard.streams.by_shard = [other.streams for other in self.shards]
        unused: Any = SimpleNamespace()
        self.registry = SessionRegistry(
            shards=[shard.sessions for shard in self.shards],
            devices=unused,
            activity=unused,
            max_sessions=9,
            max_sessions_per_user=9,
        )

    def join(self, cursor: str | None) -> Client:
        client = Client(self)
        beginning = begin_stream(client, cursor)
        client.cursor = beginning.joined["cursor"]
        _go_live(client, beginning)  # type: ignore[arg-type]
        return client


class SeveralShards(RuleBasedStateMachine):
    """One user who connects again and again with the last cursor that arrived."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.client = self.world.join(None)
        self.got: list[tuple[str, int]] = []

    @rule(number=shards_of, step=st.integers(1, 50))
    def publish(self, number: int, step: int) -> None:
        self.world.shards[number].publish(step)

    @rule(number=shards_of)
    def lose_subscription(self, number: int) -> None:
        self.world.shards[number].connected = False

    @rule(number=shards_of)
    def subscribe_again(self, number: int) -> None:
        shard = self.world.shards[number]
        shard.connected = True
        shard.sessions.resume_all()

    @rule(number=shards_of)
    def run_replays(self, number: int) -> None:
        self.world.shards[number].run_replays()

    @rule()
    def connect_again(self) -> None:
        for shard in self.world.shards:
            shard.connected = True
        self.got += self.client.seen
        cursor = self.client.cursor
        self.client.close(1000)
        self.client = self.world.join(cursor)
        assert not self.client.resyncs

    @invariant()
    def nothing_comes_twice_or_out_of_order(self) -> None:
        if not hasattr(self, "world"):
            return
        seen = self.got + self.client.seen
        for shard in self.world.shards:
            mine = [version for name, version in seen if name == f"shard {shard.number}"]
            assert mine == shard.stored[: len(mine)]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for shard in self.world.shards:
            shard.connected = True
            shard.sessions.resume_all()
            shard.run_replays()
        seen = self.got + self.client.seen
        for shard in self.world.shards:
            assert [version for name, version in seen if name == f"shard {shard.number}"] == shard.stored


TestSeveralShards = SeveralShards.TestCase
TestSeveralShards.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_shard_that_lost_its_history_sends_resync_and_the_others_go_on() -> None:
    world = World()
    client = world.join(None)
    world.shards[0].publish(5)
    lost = world.shards[2]
    lost.sessions.hold_all()
    lost.epoch.adopt(Epoch(2, 0))
    world.shards[1].publish(5)
    lost.version += 100
    lost.publish(5)
    assert client.seen == [("shard 0", START + 5), ("shard 1", START + 6)], "the lost shard waits for its resync"
    assert client.waiting_for_reset() is not None
    lost.sessions.reset_all(2, lost.version - 5)
    lost.run_replays()
    assert client.resyncs == 1
    assert client.seen[-1] == ("shard 2", lost.version)
    assert client.waiting_for_reset() is None
    positions = decode_positions(client.cursor, 4)
    assert positions == [
        Position(1, START + 5),
        Position(1, START + 6),
        Position(2, lost.version),
        Position(1, START + 3),
    ]
    again = world.join(client.cursor)
    assert not again.resyncs


def test_cursor_from_before_there_were_shards_has_its_position_in_each() -> None:
    world = World()
    for shard in world.shards:
        shard.publish(5)
    client = world.join(encode_cursor(1, START + 5))
    assert not client.resyncs
    assert client.seen == [(f"shard {n}", START + 5 + n) for n in (1, 2, 3)], "shard 0 has nothing later"
    assert decode_positions(client.cursor, 4) == [Position(1, START + 5 + n) for n in range(4)]


def test_session_that_begins_while_a_shard_is_away_gets_its_events_when_it_is_back() -> None:
    world = World()
    client = world.join(None)
    away = world.shards[2]
    away.publish(5)
    away.connected = False
    away.publish(5)
    away.leave()
    returned, new, gone = world.join(client.cursor), world.join(None), world.join(None)
    world.shards[1].publish(5)
    assert not returned.resyncs
    assert [session.seen[-1][0] for session in (returned, new, gone)] == ["shard 1"] * 3, "the others go on"
    gone.close(1000)
    missed = away.stored[-1]
    away.away, away.connected = False, True
    away.publish(5)  # comes, because a registration that was given up is carried out late
    assert [name for name, _ in returned.seen] == ["shard 1"], "what was missed comes first"
    away.come_back()
    away.run_replays()
    away.publish(5)
    later = [away.version - 5, away.version]
    for session, versions in ((returned, [missed, *later]), (new, later)):
        assert [version for name, version in session.seen if name == "shard 2"] == versions
    assert gone.seen[-1][0] == "shard 1"


def test_cursor_of_an_ended_epoch_of_one_shard_is_answered_with_resync() -> None:
    world = World()
    client = world.join(None)
    world.shards[3].publish(5)
    world.shards[3].epoch.adopt(Epoch(2, 0))
    assert world.join(client.cursor).resyncs == 1
