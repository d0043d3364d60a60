"""A gateway sees the present epoch, and begins a new one after Redis has lost its data."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.errors import Overloaded
from app.gateway import epochs as epochs_module
from app.gateway.epochs import EpochKeeper
from app.message_log import keys
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.shards import Shard
from tests.twins.memory_redis import MemoryRedis


class World:
    """``greatest`` is the greatest version in Postgres; ``number`` its epoch, which a new epoch increments."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.redis: Any = MemoryRedis()
        self.number, self.greatest = 4, 0
        self.lost = 0
        self.work: list[Any] = []
        self.loaded: list[bool] = []
        self.current = CurrentEpoch(dedupe_seconds=600)
        patch.setattr(epochs_module, "next_epoch", self.next_epoch)
        revoked: Any = SimpleNamespace(load=lambda *, from_store: self.loaded.append(from_store))
        unused: Any = None
        self.keeper = EpochKeeper(
            shard=Shard(self.redis),
            engine=unused,
            current=self.current,
            revoked=revoked,
            run_blocking=self.work.append,
        )
        self.keeper.on_lost(self._lost)

    def _lost(self) -> None:
        self.lost += 1

    @contextmanager
    def next_epoch(self, _engine: Any, _part: Any) -> Any:
        yield self.number + 1, self.greatest
        self.number += 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_first_epoch_that_a_gateway_sees_is_no_loss(world: World) -> None:
    world.redis.set(keys.FIRST.epoch, "4:0")
    assert world.keeper.present() == 4
    assert (world.current.number, world.lost) == (4, 0)


def test_empty_redis_gets_the_next_epoch_and_revocations_from_the_store(world: World) -> None:
    assert world.keeper.present() == 5
    assert world.redis.get(keys.FIRST.epoch).startswith(b"5:")
    assert world.loaded == [True]
    assert world.keeper.present() == 5
    assert world.number == 5


def test_lost_data_is_noticed_once_and_the_true_start_is_read_later(world: World) -> None:
    world.keeper.present()
    world.greatest = 10
    world.redis.lose_data()
    world.keeper.present()
    for _ in range(3):
        world.keeper.saw(6)
    assert (world.lost, world.current.number) == (1, 6)
    world.current.started_ms = 1
    for act in world.work:
        act()
    assert world.current.started_ms > 1
    assert world.redis.get(keys.FIRST.epoch) == b"6:%d" % world.current.started_ms


def test_late_publication_of_an_ended_epoch_changes_nothing(world: World) -> None:
    world.keeper.present()
    world.redis.lose_data()
    world.keeper.present()
    world.keeper.saw(5)
    assert (world.lost, world.current.number) == (1, 6)
    assert [world.keeper.is_over(number) for number in (0, 5, 6, 7)] == [False, True, False, False]


def test_greatest_stored_version_is_kept_as_the_counter(world: World) -> None:
    world.greatest = 2**60
    world.keeper.present()
    assert world.redis.get(keys.FIRST.version) == b"%d" % 2**60
    assert world.redis.hget(keys.FIRST.log_state, "stored") == b"%d" % 2**60


def test_leftovers_of_the_old_epoch_are_deleted(world: World) -> None:
    world.redis.hset(keys.FIRST.conversation(7), "m", b"old")
    world.redis.rpush(keys.FIRST.tail(7), b"old")
    world.redis.xadd(keys.FIRST.log, {"r": b"old"})
    world.keeper.present()
    assert not world.redis.hexists(keys.FIRST.conversation(7), "m")
    assert not world.redis.exists(keys.FIRST.tail(7))
    assert not world.redis.xlen(keys.FIRST.log)


def test_two_gateways_cannot_begin_an_epoch_at_once(world: World) -> None:
    world.redis.set(keys.FIRST.epoch_begins, "1")
    with pytest.raises(Overloaded):
        world.keeper.renew()
    assert (world.number, world.redis.get(keys.FIRST.epoch)) == (4, None)


@pytest.mark.parametrize("another_begins", [True, False])
def test_comparison_complains_of_a_failed_store_but_not_of_another_beginner(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, another_begins: bool
) -> None:
    @contextmanager
    def postgres_fails(_engine: Any, _part: Any) -> Any:
        raise Overloaded
        yield

    monkeypatch.setattr(epochs_module, "next_epoch", postgres_fails)
    if another_begins:
        world.redis.set(keys.FIRST.epoch_begins, "1")
    with caplog.at_level("WARNING", logger="app.gateway.epochs"):
        world.keeper.compare()
    assert len(caplog.records) == (0 if another_begins else 1)
