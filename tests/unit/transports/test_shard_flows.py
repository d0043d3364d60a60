"""Sessions of several shards: each shard's events come once and in order, whatever happens to other shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.core.cursor import decode_positions, encode_cursor
from app.core.events import Event
from app.core.kinds import Kind
from app.core.position import Position
from app.fanout.hub import Hub
from app.gateway.sessions import SessionRegistry
from app.gateway.shard_sessions import ShardSessions
from app.gateway.streams import Streams
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import Epoch
from app.transports import shard_burst
from app.transports.begin_stream import begin_stream
from app.transports.join import _go_live
from app.transports.session import Session

ANN, BEN, EVE = USERS = 1, 2, 3
START = 1_000_000
shards_of = st.sampled_from([0, 0, 0, 1, 1, 3])
users_of = st.lists(st.sampled_from(USERS), min_size=1, unique=True)


class OneShard:
    """One shard: what it publishes and stores. ``work``: replays that were begun and have not run. ``online``: the
    users that its Redis has at this gateway. ``milestone``: the greatest one that is kept.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.epoch = CurrentEpoch(60)
        self.epoch.adopt(Epoch(1, 0))
        self.version = START + number
        self.milestone = 0
        self.records: list[tuple[int, list[int]]] = []
        self.online: set[int] = set()
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
            begin_online=self._begin_online,
            mark_offline=self.online.discard,
        )
        self.sessions = ShardSessions(self.hub, presence, lambda: self.away)

    def _event(self, version: int) -> Event:
        name = f"shard {self.number}"
        return Event(name, b"{}", version=version, cursor=encode_cursor(self.epoch.number, version))

    def _begin_online(self, user: int) -> Any:
        self.online.add(user)
        return lambda: max(self.version, self.milestone)

    def stored(self, user: int = ANN) -> list[int]:
        return [version for version, users in self.records if user in users]

    def _changes_since(self, user: int, begin: int, _since: int, _plan: object) -> tuple[list[Event], bool]:
        return [self._event(version) for version in self.stored(user) if version > begin], False

    def publish(self, step: int, users: Sequence[int] = USERS) -> None:
        self.version = max(self.version, self.milestone) + step
        self.records.append((self.version, list(users)))
        if self.connected:
            flows = [flow for user in users if user in self.online for flow in self.hub.sessions_of(user)]
            self.hub.offer_to_many(flows, self._event(self.version))

    def pass_milestone(self, ahead: int, users: Sequence[int] = USERS) -> None:
        """What milestone.lua does: the users get a version that is near the last one."""
        passed = max(self.version + ahead, self.milestone)
        if passed > self.version:
            self.milestone = passed
        if self.connected:
            here = [user for user in users if user in self.online]
            self.hub.dispatch(self.epoch.number, [[here, [Kind.MILESTONE, passed]]])

    def forget(self) -> None:
        """Another gateway took this one for dead."""
        self.online.clear()

    def register_again(self) -> None:
        """The heartbeat found that users were missing. Their notices come before everything that is published later."""
        for user in set(self.hub.users()) - self.online:
            self.online.add(user)
            for flow in self.hub.sessions_of(user):
                flow.resume_from_store()

    def leave(self) -> None:
        """Its Redis no longer answers, and nothing more is sent to it."""
        self.away, self.connected = True, False

    def come_back(self) -> None:
        self.away, self.connected = False, True
        self.sessions.resume_all()
        self.sessions.admit_absent()

    def run_replays(self) -> None:
        while self.work:
            self.work.pop(0)()


class Wire:
    """The connection of a client: what a burst or ``send`` leaves here arrives with the next flush."""

    def __init__(self, arrived: Callable[[bytes], None]) -> None:
        self.busy = False
        self.blocks: Any = None
        self.socket = SimpleNamespace(send=self._send)
        self._arrived = arrived

    def _send(self, frame: bytes) -> int:
        self._arrived(frame)
        return len(frame)

    def send(self, frame: bytes) -> None:
        if self.busy:
            self.blocks = [*self.blocks, frame]
        else:
            self._arrived(frame)

    def flush(self) -> None:
        for frame in self.blocks or ():
            self._arrived(frame)
        self.blocks, self.busy = None, False

    def cut(self) -> None:
        self.blocks, self.busy = None, True


class Client(Session):
    """``seen``: (shard, version) in the order of arrival. ``cursor`` is the last one that arrived."""

    def __init__(self, world: World, user: int) -> None:
        super().__init__(world.registry, world.shards[0].streams)
        self.id, self.user_id, self.auth_session = f"s{user}", user, "sid"
        self.connection = Wire(self.arrive)
        self.seen: list[tuple[str, int]] = []
        self.cursor = ""
        self.resyncs = 0

    def write(self, event: Event) -> None:
        self.connection.send(event.frame)

    def arrive(self, frame: bytes) -> None:
        event = json.loads(frame[2 if frame[1] < 126 else 4 :])
        self.cursor = event.get("cursor", self.cursor)
        if event["event"] == "resync":
            self.resyncs += 1
        else:
            positions = decode_positions(event["cursor"], 4)
            assert positions is not None
            number = int(event["event"].removeprefix("shard "))
            self.seen.append((event["event"], positions[number].version))

    def backlog(self) -> int:
        return 0

    def close(self, code: int, error: Any = None) -> None:
        self.connection.cut()
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

    def in_bursts(self) -> None:
        """Publishes in bursts, each of which waits for its flush."""
        self.bursts: list[Any] = []
        flusher: Any = SimpleNamespace(add=self._add)
        for shard in self.shards:
            shard.hub.offer_to_many = shard_burst.ShardBursts(flusher, shard.number).offer

    def _add(self, burst: Any) -> None:
        self.bursts.append(burst)

    def flush(self) -> None:
        bursts, self.bursts = self.bursts, []
        for burst in bursts:
            burst.flush()

    def join(self, cursor: str | None, user: int = ANN) -> Client:
        client = Client(self, user)
        beginning = begin_stream(client, cursor)
        client.cursor = beginning.joined["cursor"]
        _go_live(client, beginning)  # type: ignore[arg-type]
        return client


class SeveralShards(RuleBasedStateMachine):
    """Users who connect again and again with the last cursor that arrived."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.world.bursts = []
        self.prepare()
        self.clients = {user: self.world.join(None, user) for user in USERS}
        self.got: dict[int, list[tuple[str, int]]] = {user: [] for user in USERS}

    def prepare(self) -> None:
        """Does nothing: sessions get each event by themselves."""

    @rule(number=shards_of, step=st.integers(1, 50), users=users_of, turn=st.booleans())
    def publish(self, number: int, step: int, users: list[int], turn: bool) -> None:
        self.world.shards[number].publish(step, users)
        if turn:
            self.world.flush()

    @rule(number=shards_of, ahead=st.integers(-60, 60), users=users_of)
    def pass_milestone(self, number: int, ahead: int, users: list[int]) -> None:
        self.world.shards[number].pass_milestone(ahead, users)

    @rule(number=shards_of, first=st.sampled_from(USERS), step=st.integers(1, 50), ahead=st.integers(0, 60))
    def forget_and_pass_milestone(self, number: int, first: int, step: int, ahead: int) -> None:
        """Of the users who were forgotten, only one has connected again when all ask for a milestone."""
        self.forget_and_publish(number, first, step)
        self.pass_milestone(number, ahead, list(USERS))

    @rule(number=shards_of, step=st.integers(1, 50), ahead=st.integers(0, 60))
    def pass_milestone_while_flows_catch_up(self, number: int, step: int, ahead: int) -> None:
        self.lose_subscription(number)
        self.publish(number, step, list(USERS), turn=True)
        self.subscribe_again(number)
        self.pass_milestone(number, ahead, list(USERS))

    @rule(number=shards_of)
    def lose_subscription(self, number: int) -> None:
        self.world.shards[number].connected = False

    @rule(number=shards_of)
    def subscribe_again(self, number: int) -> None:
        shard = self.world.shards[number]
        shard.connected = True
        shard.sessions.resume_all()

    @rule(number=shards_of)
    def forget(self, number: int) -> None:
        self.world.shards[number].forget()

    @rule(number=shards_of, first=st.sampled_from(USERS), step=st.integers(1, 50))
    def forget_and_publish(self, number: int, first: int, step: int) -> None:
        """Of the users who were forgotten, only one has connected again when something is published to all of them."""
        self.forget(number)
        self.connect_again(first)
        self.publish(number, step, list(USERS), turn=True)

    @rule(number=shards_of)
    def register_again(self, number: int) -> None:
        shard = self.world.shards[number]
        if shard.connected:  # or the notices are lost, and the next subscription resumes all
            shard.register_again()

    @rule(number=shards_of)
    def run_replays(self, number: int) -> None:
        self.world.shards[number].run_replays()

    @rule(user=st.sampled_from(USERS))
    def connect_again(self, user: int) -> None:
        self.got[user] += self.clients[user].seen
        cursor = self.clients[user].cursor
        self.clients[user].close(1000)
        self.clients[user] = self.world.join(cursor, user)
        assert not self.clients[user].resyncs

    def seen(self, user: int, shard: OneShard) -> list[int]:
        seen = self.got[user] + self.clients[user].seen
        return [version for name, version in seen if name == f"shard {shard.number}"]

    @invariant()
    def nothing_comes_twice_or_out_of_order(self) -> None:
        if not hasattr(self, "world"):
            return
        for user in USERS:
            for shard in self.world.shards:
                seen = self.seen(user, shard)
                assert seen == shard.stored(user)[: len(seen)]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.flush()
        for user in USERS:  # a cursor that is too high skips what was missed
            self.connect_again(user)
        for shard in self.world.shards:
            shard.connected = True
            shard.register_again()
            shard.sessions.resume_all()
            shard.run_replays()
        for user in USERS:
            for shard in self.world.shards:
                assert self.seen(user, shard) == shard.stored(user)


class SeveralShardsInBursts(SeveralShards):
    """The same, with events that many sessions get at once."""

    def prepare(self) -> None:
        self.patched = patch.object(shard_burst, "WebSocketSession", Client)
        self.patched.start()
        self.world.in_bursts()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            if hasattr(self, "patched"):
                self.patched.stop()


TestSeveralShards = SeveralShards.TestCase
TestSeveralShards.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSeveralShardsInBursts = SeveralShardsInBursts.TestCase
TestSeveralShardsInBursts.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


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
    missed = away.stored()[-1]
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


def test_event_for_many_gives_no_user_the_position_of_another() -> None:
    """Redis has forgotten the users of the gateway in one shard. Ann has come back and gets what Ben misses there."""
    world = World()
    world.in_bursts()
    with patch.object(shard_burst, "WebSocketSession", Client):
        world.join(None, ANN).close(1000)
        ann, ben = world.join(None, ANN), world.join(None, BEN)
        quiet, busy = world.shards[0], world.shards[1]
        quiet.forget()
        quiet.online.add(ANN)
        quiet.publish(5)
        world.flush()
        busy.publish(5)
        world.flush()
    assert [name for name, _ in ann.seen] == ["shard 0", "shard 1"]
    assert [name for name, _ in ben.seen] == ["shard 1"]
    again = world.join(ben.cursor, BEN)
    assert [name for name, _ in again.seen] == ["shard 0"]


def test_cursor_of_an_ended_epoch_of_one_shard_is_answered_with_resync() -> None:
    world = World()
    client = world.join(None)
    world.shards[3].publish(5)
    world.shards[3].epoch.adopt(Epoch(2, 0))
    assert world.join(client.cursor).resyncs == 1


def test_flow_of_a_shard_that_comes_back_during_a_fetch_follows_the_answer() -> None:
    """The answer has an older state than the events that the flow would write."""
    world = World()
    client = world.join(None)
    away = world.shards[2]
    away.leave()
    returned = world.join(client.cursor)
    with returned.holding_all():
        away.come_back()
        away.publish(5)
        away.run_replays()
        assert returned.seen == []
    away.run_replays()
    assert returned.seen == [("shard 2", away.version)]


def moved_to(client: Client, number: int) -> int:
    return client.positions[number].version


def test_milestone_moves_live_sessions_and_nothing_comes_twice() -> None:
    world = World()
    client = world.join(None)
    quiet, busy = world.shards[0], world.shards[1]
    quiet.pass_milestone(1000)
    assert moved_to(client, 0) == START + 1000
    quiet.pass_milestone(-10)
    assert moved_to(client, 0) == START + 1000, "a milestone moves no session back"
    assert client.seen == [], "the client gets it with its next event"
    busy.publish(5)
    quiet.publish(1)
    again = world.join(client.cursor)
    assert [name for name, _ in client.seen] == ["shard 1", "shard 0"]
    assert not again.seen
    assert not again.resyncs


def test_milestone_moves_no_user_whom_redis_has_forgotten() -> None:
    world = World()
    ann, ben = world.join(None, ANN), world.join(None, BEN)
    quiet = world.shards[0]
    quiet.forget()
    quiet.publish(5)
    quiet.online.add(ANN)
    quiet.pass_milestone(1000)
    assert moved_to(ben, 0) == START
    assert moved_to(ann, 0) == START + 1005
    world.shards[1].publish(5)
    assert [name for name, _ in world.join(ben.cursor, BEN).seen] == ["shard 0"]


def test_milestone_moves_no_flow_that_catches_up() -> None:
    world = World()
    client = world.join(None)
    quiet = world.shards[0]
    quiet.connected = False
    quiet.publish(5)
    quiet.connected = True
    quiet.sessions.resume_all()
    quiet.pass_milestone(1000)
    assert moved_to(client, 0) == START
    world.shards[1].publish(5)
    cut_off = client.cursor
    quiet.run_replays()
    assert client.seen == [("shard 1", START + 6), ("shard 0", START + 5)]
    assert [name for name, _ in world.join(cut_off).seen] == ["shard 0"]


def test_sessions_that_share_positions_share_them_after_a_milestone() -> None:
    world = World()
    world.in_bursts()
    with patch.object(shard_burst, "WebSocketSession", Client):
        clients = [world.join(None, user) for user in USERS]
        world.shards[1].publish(5)
        world.flush()
        world.shards[0].pass_milestone(1000)
    assert len({id(client.positions) for client in clients}) == 1
