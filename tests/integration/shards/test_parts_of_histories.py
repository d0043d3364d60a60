"""In random histories that are stored completely, the reads of both parts together equal one read of all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from sqlalchemy import Connection, Engine

from app.core.events import Event
from app.core.part import WHOLE, Part
from app.message_log.shards import Shard, Shards
from app.services.reading import replay_plan, resume
from app.services.reading.who_missed import who_missed
from app.store import message_life, receipts, unread
from app.store.engine import reading
from app.store.noted_changes import changed_conversations
from app.store.read_conversations import ReadState, unread_counts_since
from app.store.replay_keys import keys_between
from tests.factories.history import History
from tests.integration.shards.two_shards import conversation_in, replay_of

PARTS = [Part(number, 2) for number in range(2)]


class Stored:
    def __init__(self, engine: Engine, client: redis.Redis, seed: int) -> None:
        client.flushall()
        self.engine = engine
        self.one, self.two = Shards([client]), Shards([client, client])
        self.history = History(engine, 900 + seed)
        self.history.run(250)
        for shard in self.two:
            client.set(shard.keys.epoch, "1:0")
            client.set(shard.keys.version, self.history.version)
        versions = self.history.versions
        self.samples = [0, *self.history.random.sample(versions, 4), *versions[-6:-1]]

    def replay(self, shard: Shard, shards: Shards, user: int, since: int) -> list[Event]:
        return replay_of(self.engine, shard, shards, 1, user, since)


@pytest.fixture
def stored(engine: Engine, redis_client: redis.Redis, request: pytest.FixtureRequest) -> Stored:
    return Stored(engine, redis_client, request.param)


SEEDS = pytest.mark.parametrize("stored", range(2), indirect=True)


@SEEDS
@pytest.mark.parametrize("plan", [False, True], ids=["at once", "with a plan"])
def test_replays_of_both_are_the_replay_of_all(stored: Stored, plan: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if plan:
        monkeypatch.setattr(resume, "PAGE", 3)
        monkeypatch.setattr(resume, "MANY", 0)
        monkeypatch.setattr(replay_plan, "LOOKAHEAD", 9)
    for user in stored.history.users:
        for since in stored.samples:
            whole = texts(stored.replay(stored.one[0], stored.one, user, since))
            halves = [stored.replay(shard, stored.two, user, since) for shard in stored.two]
            for part, events in zip(PARTS, halves, strict=True):
                assert all(part.has(conversation_in(event)) for event in events)
            assert texts([event for events in halves for event in events]) == whole


def texts(events: list[Event]) -> list[tuple[str, int, str]]:
    return sorted((event.name, event.version, event.data.decode()) for event in events)


@SEEDS
def test_sessions_that_missed_something_are_those_of_both(stored: Stored) -> None:
    def missed(shard: Shard, since: int) -> list[bool]:
        asked = [(user, since) for user in stored.history.users]
        return who_missed(asked, engine=stored.engine, shard=shard, saw_epoch=lambda _: None, news=False)

    differ = 0
    for since in (*stored.samples, stored.history.version):
        whole, halves = missed(stored.one[0], since), [missed(shard, since) for shard in stored.two]
        assert whole == [one or other for one, other in zip(*halves, strict=True)]
        differ += halves[0] != halves[1]
    assert differ


READS: dict[str, Callable[[Connection, int, int, Part], list[object]]] = {
    "changed conversations": changed_conversations,  # type: ignore[dict-item]
    "own changes": lambda conn, user, since, part: message_life.own_changes_since(conn, user, since, part=part),
    "delivered marks": receipts.delivered_up_to,  # type: ignore[dict-item]
    "unread": lambda conn, user, _since, part: unread.unread_counts(conn, [user], part),
    "unread since": lambda conn, user, since, part: unread_counts_since(conn, ReadState(user, since, [], 0), part),
    "keys": lambda conn, user, since, part: keys_between(
        conn, user, changed_conversations(conn, user, since, part), since, 2**62, 10_000, part
    ),
}


@SEEDS
@pytest.mark.parametrize("name", READS)
def test_reads_of_both_parts_are_the_read_of_all(stored: Stored, name: str) -> None:
    some = 0
    with reading(stored.engine) as conn:
        for user in stored.history.users:
            for since in stored.samples:
                whole = READS[name](conn, user, since, WHOLE)
                halves = [READS[name](conn, user, since, part) for part in PARTS]
                assert sorted(halves[0] + halves[1]) == sorted(whole)  # type: ignore[type-var]
                some += len(halves[0]) and len(halves[1])
    assert some
