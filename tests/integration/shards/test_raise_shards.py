"""Raising the number of shards: when it is refused, what it prepares in Redis and Postgres, and how it is repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text

from app.message_log import keys
from app.message_log.epoch import begin_epoch, read_epoch
from app.message_log.shard_keys import ShardKeys
from app.message_log.shards import Shard, Shards
from app.message_log.workers import heartbeat
from app.services.messaging import sweep_streams
from app.services.shards import raise_shards as raising
from app.services.shards.raise_shards import CannotRaiseError, StillRunningError, raise_shards
from app.store.engine import reading, writing
from app.store.epochs import next_epoch
from app.store.shard_count import read_or_claim
from tests.factories.store import add_group, add_users

VERSION = int(time.time() + 3600) * 1_000_000  # the clock of the parent's Redis was ahead


class Installation:
    """One shard with some conversations, and an epoch in Redis and Postgres."""

    def __init__(self, engine: Engine, client: redis.Redis) -> None:
        client.flushall()
        self.engine, self.client = engine, client
        self.run("DELETE FROM log_state WHERE id > 1")
        self.run("DELETE FROM shard_count")
        self.groups = [add_group(engine, add_users(engine, 2)) for _ in range(8)]
        assert read_or_claim(engine, 1) == 1
        self.first = Shard(client)
        self.epoch = begin_epoch(self.first, lambda: next_epoch(engine)).number
        client.set(keys.FIRST.version, VERSION)

    def run(self, statement: str, **values: Any) -> None:
        with writing(self.engine) as conn:
            conn.execute(text(statement), values)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with reading(self.engine) as conn:
            return [tuple(row) for row in conn.execute(text(statement))]

    def shards(self, number: int) -> Shards:
        return Shards([self.client] * number)

    def raise_to(self, number: int, clients: list[redis.Redis] | None = None) -> int:
        shards = Shards(clients) if clients else self.shards(number)
        return raise_shards(self.engine, shards, lambda n: f"redis://of-{n}")

    @property
    def number(self) -> int:
        return read_or_claim(self.engine, 99)

    def open_stream(self, conversation: int, text_: str) -> str:
        """Opens a stream as stream.lua does. Returns its id."""
        of, id_ = keys.FIRST, f"id-{conversation}"
        fields = {"e": self.epoch, "n": len(text_), "w": 7, "i": id_}
        self.client.hset(of.stream(conversation, 1), mapping=fields)
        self.client.set(of.stream_text(conversation, 1), text_)
        self.client.set(of.stream_place(id_), f"{conversation}:1")
        self.client.sadd(of.open_streams(conversation), 1)
        self.client.zadd(of.streams, {f"{conversation}:1": 1234})
        return id_


@pytest.fixture
def one(redis_client: redis.Redis, engine: Engine) -> Iterator[Installation]:
    yield Installation(engine, redis_client)
    redis_client.flushall()


def keys_of(one: Installation, shard: int) -> set[str]:
    return {name.decode() for name in one.client.scan_iter(match=ShardKeys(shard).prefix + "*")}


# --- refusals: nothing is changed


def refused(one: Installation, line: str, number: int = 2) -> None:
    before = {name: one.client.dump(name) for name in one.client.scan_iter()}
    with pytest.raises(CannotRaiseError) as caught:
        one.raise_to(number)
    assert str(caught.value) == line
    assert one.number == 1
    assert {name: one.client.dump(name) for name in one.client.scan_iter()} == before
    assert len(one.rows("SELECT id FROM log_state")) == 1


@pytest.mark.parametrize("shard", [0, 1])
def test_number_is_not_raised_while_a_gateway_is_alive(one: Installation, shard: int) -> None:
    seconds, _ = one.client.time()
    one.client.zadd(ShardKeys(shard).gateways, {"r-gateway": (seconds - 5) * 1000})
    refused(one, f"A web process uses shard {shard}. Stop all web processes, then try again.")
    one.client.zadd(ShardKeys(shard).gateways, {"r-gateway": (seconds - 11) * 1000})
    assert one.raise_to(2) == 1


def test_number_is_not_raised_while_a_drain_runs(one: Installation) -> None:
    one.client.set(keys.FIRST.lease, "token")
    refused(one, "A drain of shard 0 is running. Stop all workers, then try again.")


def test_number_is_not_raised_while_a_worker_runs(one: Installation) -> None:
    heartbeat(one.client, "worker")
    with pytest.raises(StillRunningError, match=r"^A worker was running \d s ago\. Stop all workers"):
        one.raise_to(2)
    assert one.number == 1


def test_number_is_not_raised_while_records_wait(one: Installation) -> None:
    one.client.xadd(keys.FIRST.log, {"e": "1"})
    refused(
        one,
        "Records of shard 0 are not stored yet. Store them with --drain, or let the workers store them while no web"
        " process runs.",
    )


def test_number_is_not_raised_while_a_redis_does_not_answer(one: Installation, away: redis.Redis) -> None:
    with pytest.raises(CannotRaiseError, match=r"^The Redis of shard 1 does not answer \(redis://of-1\)\.$"):
        one.raise_to(2, [one.client, away])
    assert (one.number, keys_of(one, 1)) == (1, set())


@pytest.mark.parametrize("value", [None, "999:0"])
def test_number_is_not_raised_without_the_data_of_an_old_shard(one: Installation, value: str | None) -> None:
    """REDIS_SHARD_URLS has moved the shard, so its log is somewhere else."""
    one.client.delete(keys.FIRST.epoch)
    if value is not None:
        one.client.set(keys.FIRST.epoch, value)
    refused(
        one,
        "The Redis at redis://of-0 does not have the data of shard 0. If REDIS_SHARD_URLS has moved the shard or Redis"
        " was emptied, first run web and worker with the current number of shards.",
    )


# --- what it prepares


def test_new_shards_go_on_in_the_epochs_of_their_parents(one: Installation) -> None:
    one.run("UPDATE log_state SET pushing = true, feeding = true")
    before_ms = int(time.time() * 1000)
    assert one.raise_to(2) == 1
    one.client.set(ShardKeys(1).version, VERSION + 5)
    assert one.raise_to(8) == 2
    epochs = [read_epoch(shard) for shard in one.shards(8)]
    assert {epoch and epoch.number for epoch in epochs} == {one.epoch}
    assert all(epoch and epoch.started_ms >= before_ms for epoch in epochs[1:])
    assert [int(one.client.get(shard.keys.version) or 0) - VERSION for shard in one.shards(8)] == [0, 5] * 4
    assert one.client.hgetall(ShardKeys(7).log_state) == {b"stored": b"%d" % (VERSION + 5)}
    rows = one.rows("SELECT id, epoch, pushing, feeding FROM log_state ORDER BY id")
    assert rows == [(n, one.epoch, True, True) for n in range(1, 9)]
    assert one.number == 8


def test_marks_of_the_first_shard_stay_complete(one: Installation) -> None:
    before = read_epoch(one.first)
    one.raise_to(2)
    assert read_epoch(one.first) == before


def test_data_of_a_former_use_of_a_new_shard_are_deleted(one: Installation) -> None:
    of = ShardKeys(1)
    one.client.set(of.epoch, "77:0")
    one.client.xadd(of.log, {"e": "1"})
    one.client.hset(of.log_state, mapping={"records": 1, "entries": 9, "stored": 1})
    one.client.rpush(of.runs, "abc 99")
    one.client.set(of.dedupe_mark(one.groups[1], "id"), "1:1:1:1")
    one.run("INSERT INTO log_state (id, epoch) VALUES (2, 77)")
    one.run("UPDATE log_state SET pushing = true WHERE id = 1")
    assert one.raise_to(2) == 1
    assert keys_of(one, 1) == {of.epoch, of.version, of.log_state}
    assert one.rows("SELECT epoch, pushing FROM log_state WHERE id = 2") == [(one.epoch, True)]
    one.run("UPDATE log_state SET pushing = false")


def test_read_states_of_new_shards_are_forgotten(one: Installation) -> None:
    [user] = add_users(one.engine, 1)
    insert = "INSERT INTO read_conversations (user_id, shard, epoch, version, unread) VALUES (:u, :s, :e, 5, '{}')"
    for shard in (0, 1):
        one.run(insert, u=user, s=shard, e=one.epoch)
    one.raise_to(2)
    assert one.rows("SELECT shard FROM read_conversations") == [(0,)]


def test_open_streams_move_with_their_conversations(one: Installation) -> None:
    stays, moves = sorted(one.groups[:2], key=lambda group: group % 2)
    one.open_stream(stays, "here")
    id_ = one.open_stream(moves, "there")
    one.raise_to(2)
    first, second = ShardKeys(0), ShardKeys(1)
    assert one.client.zrange(first.streams, 0, -1, withscores=True) == [(b"%d:1" % stays, 1234.0)]
    assert one.client.zrange(second.streams, 0, -1, withscores=True) == [(b"%d:1" % moves, 1234.0)]
    assert one.client.get(first.stream_text(stays, 1)) == b"here"
    assert one.client.get(second.stream_text(moves, 1)) == b"there"
    assert one.client.hget(second.stream(moves, 1), "w") == b"7"
    assert one.client.get(second.stream_place(id_)) == b"%d:1" % moves
    assert one.client.smembers(second.open_streams(moves)) == {b"1"}
    assert not [name for name in keys_of(one, 0) if f":{moves}" in name or id_ in name]


def test_a_new_shard_may_have_a_server_of_its_own(one: Installation, redis_url: str) -> None:
    moves = next(group for group in one.groups if group % 2)
    one.open_stream(moves, "text")
    with redis.Redis.from_url(redis_url.removesuffix("0") + "1") as second:
        one.raise_to(2, [one.client, second])
        found = read_epoch(Shard(second, ShardKeys(1)))
        assert found is not None
        assert found.number == one.epoch
        assert second.get(ShardKeys(1).stream_text(moves, 1)) == b"text"
    assert keys_of(one, 1) == set()
    assert one.client.zcard(keys.FIRST.streams) == 0


def test_a_new_installation_only_gets_the_number(engine: Engine, redis_client: redis.Redis) -> None:
    redis_client.flushall()
    with writing(engine) as conn:
        for table in ("shard_count", "noted_changes", "members", "conversations"):
            conn.execute(text(f"DELETE FROM {table}"))
    assert read_or_claim(engine, 2) == 2
    redis_client.set(ShardKeys(3).epoch, "77:0")
    assert raise_shards(engine, Shards([redis_client] * 4), str) == 2
    assert (read_or_claim(engine, 1), list(redis_client.scan_iter())) == (4, [])


# --- repeating it


def test_command_that_was_killed_before_the_number_changed_is_repeated(
    one: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.open_stream(one.groups[0], "text")
    one.open_stream(one.groups[1], "text")
    before = {name: one.client.dump(name) for name in one.client.scan_iter()}

    def killed(parent: Shard, child: Shard, epoch: int) -> None:
        if child.part.number == 2:
            raise KeyboardInterrupt
        raising_prepare(parent, child, epoch)

    raising_prepare = raising.prepare_child
    with monkeypatch.context() as patch:
        patch.setattr(raising, "prepare_child", killed)
        with pytest.raises(KeyboardInterrupt):
            one.raise_to(4)
    assert one.number == 1
    assert {name: one.client.dump(name) for name in before} == before
    assert one.raise_to(4) == 1
    assert one.number == 4
    assert {epoch.number for shard in one.shards(4) if (epoch := read_epoch(shard))} == {one.epoch}


def test_command_that_was_killed_after_the_number_changed_deletes_moved_streams_when_repeated(
    one: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = next(group for group in one.groups if group % 2)
    one.open_stream(moves, "text")

    def killed(_shard: Shard) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(raising, "forget_moved_streams", killed)
        with pytest.raises(KeyboardInterrupt):
            one.raise_to(2)
    assert one.number == 2
    assert one.client.zcard(keys.FIRST.streams) == 1
    assert one.raise_to(2) == 2
    assert one.client.zcard(keys.FIRST.streams) == 0
    assert one.client.zcard(ShardKeys(1).streams) == 1


def test_sweep_passes_over_streams_that_moved(one: Installation) -> None:
    """These copies are left if the command was killed. Both copies have then been idle for long."""
    moves = next(group for group in one.groups if group % 2)
    one.open_stream(moves, "text")

    ended: list[Any] = []

    class Sweeper(sweep_streams.StreamSweeper):
        def _end(self, place: Any) -> None:
            ended.append(place)

        def _end_lost(self, _shard: Shard) -> None: ...

    unused: Any = None
    Sweeper(engine=one.engine, shards=one.shards(2), changes=unused, judge=unused).sweep()
    assert ended == []
