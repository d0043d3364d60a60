"""The parts of a gateway: its sessions, its epoch, its bounded pool, its timers, and its end."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from app.core.errors import NotFound, Overloaded, RateLimited
from app.fanout.hub import Hub
from app.gateway import epochs as epochs_module
from app.gateway.blocking import BlockingPool
from app.gateway.epochs import EpochKeeper
from app.gateway.gateway import log_missing_gevent
from app.gateway.sessions import SessionRegistry
from app.gateway.timers import Timers
from app.gateway.waiting import stored_waiter, wait_for_result
from app.message_log import keys
from app.message_log.confirmations import Confirmations
from app.message_log.current_epoch import CurrentEpoch
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE
from tests.twins.memory_redis import MemoryRedis

# --- sessions


class Online:
    """Records who is online, as the presence registry would."""

    def __init__(self) -> None:
        self.users: list[int] = []

    def mark_online(self, user_id: int) -> int:
        if user_id not in self.users:
            self.users.append(user_id)
        return 100

    def mark_offline(self, user_id: int) -> None:
        self.users.remove(user_id)


class Session:
    transport = "ws"
    closed_with: int | None = None

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id

    def close(self, code: int, error: Any = None) -> None:
        self.closed_with = code


def make_registry(max_sessions: int = 1000, per_user: int = 1000) -> tuple[SessionRegistry, Online]:
    online: Any = Online()
    unused: Any = None
    registry = SessionRegistry(
        hub=Hub(lambda _versions, _error: None, revoked=lambda _sid: None),
        presence=online,
        devices=unused,
        activity=unused,
        max_sessions=max_sessions,
        max_sessions_per_user=per_user,
    )
    return registry, online


@given(acts=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=30))
def test_user_is_online_exactly_while_one_of_their_sessions_is(acts: list[tuple[int, bool]]) -> None:
    registry, online = make_registry()
    open_: list[Any] = []
    for user, enters in acts:
        mine = [session for session in open_ if session.user_id == user]
        if enters:
            open_.append(session := Session(user))
            assert registry.enter(session) == 100  # type: ignore[arg-type]
        elif mine:
            open_.remove(mine[0])
            registry.leave(mine[0])
        assert sorted(online.users) == sorted({session.user_id for session in open_})


def test_sessions_are_bounded_per_gateway_and_per_user() -> None:
    registry, _ = make_registry(max_sessions=2, per_user=1)
    one: Any = Session(1)
    registry.check_user_room(1)
    registry.add(one)
    registry.enter(one)
    with pytest.raises(RateLimited):
        registry.check_user_room(1)
    registry.check_room()
    registry.add(Session(2))  # type: ignore[arg-type]
    with pytest.raises(Overloaded):
        registry.check_room()
    registry.remove(one)
    registry.check_room()


@in_own_hub
def test_gateway_that_shuts_down_closes_all_sessions_and_takes_no_new_ones() -> None:
    registry, _ = make_registry()
    sessions = [Session(number) for number in range(120)]
    for session in sessions:
        registry.add(session)  # type: ignore[arg-type]
    registry.close_all(0.0)
    assert {session.closed_with for session in sessions} == {1001}
    with pytest.raises(Overloaded):
        registry.check_room()


# --- epochs


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
            redis=self.redis,
            engine=unused,
            current=self.current,
            revoked=revoked,
            run_blocking=self.work.append,
        )
        self.keeper.on_lost(self._lost)

    def _lost(self) -> None:
        self.lost += 1

    @contextmanager
    def next_epoch(self, _engine: Any) -> Any:
        yield self.number + 1, self.greatest
        self.number += 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_first_epoch_that_a_gateway_sees_is_no_loss(world: World) -> None:
    world.redis.set(keys.EPOCH, "4:0")
    assert world.keeper.present() == 4
    assert (world.current.number, world.lost) == (4, 0)


def test_empty_redis_gets_the_next_epoch_and_revocations_from_the_store(world: World) -> None:
    assert world.keeper.present() == 5
    assert world.redis.get(keys.EPOCH).startswith(b"5:")
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
    assert world.redis.get(keys.EPOCH) == b"6:%d" % world.current.started_ms


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
    assert world.redis.get(keys.VERSION) == b"%d" % 2**60
    assert world.redis.hget(keys.LOG_STATE, "stored") == b"%d" % 2**60


def test_leftovers_of_the_old_epoch_are_deleted(world: World) -> None:
    world.redis.hset(keys.conversation(7), "m", b"old")
    world.redis.rpush(keys.tail(7), b"old")
    world.redis.xadd(keys.LOG, {"r": b"old"})
    world.keeper.present()
    assert not world.redis.hexists(keys.conversation(7), "m")
    assert not world.redis.exists(keys.tail(7))
    assert not world.redis.xlen(keys.LOG)


def test_two_gateways_cannot_begin_an_epoch_at_once(world: World) -> None:
    world.redis.set(keys.EPOCH_BEGINS, "1")
    with pytest.raises(Overloaded):
        world.keeper.renew()
    assert (world.number, world.redis.get(keys.EPOCH)) == (4, None)


@pytest.mark.parametrize("another_begins", [True, False])
def test_comparison_complains_of_a_failed_store_but_not_of_another_beginner(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, another_begins: bool
) -> None:
    @contextmanager
    def postgres_fails(_engine: Any) -> Any:
        raise Overloaded
        yield

    monkeypatch.setattr(epochs_module, "next_epoch", postgres_fails)
    if another_begins:
        world.redis.set(keys.EPOCH_BEGINS, "1")
    with caplog.at_level("WARNING", logger="app.gateway.epochs"):
        world.keeper.compare()
    assert len(caplog.records) == (0 if another_begins else 1)


# --- work in the background


@given(limit=st.integers(1, 4), jobs=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
@settings(max_examples=40, deadline=None)
def test_pool_runs_every_job_once_and_never_too_many_at_once(limit: int, jobs: list[tuple[int, bool]]) -> None:
    play(limit, jobs)


@in_own_hub
def play(limit: int, jobs: list[tuple[int, bool]]) -> None:
    """Each job yields a few times; some fail."""
    pool = BlockingPool(limit)
    begun: list[int] = []
    running = most = 0
    ended = itertools.count()
    done = 0

    def make(number: int, yields: int, fails: bool) -> Any:
        def act() -> None:
            nonlocal running, most, done
            begun.append(number)
            running += 1
            most = max(most, running)
            for _ in range(yields):
                gevent.sleep(0)
            running -= 1
            done = next(ended) + 1
            if fails:
                raise ValueError("a bug")

        return act

    for number, (yields, fails) in enumerate(jobs):
        pool.run(make(number, yields, fails))
    with gevent.Timeout(PATIENCE):
        while done < len(jobs):
            gevent.sleep(0)
    assert sorted(begun) == list(range(len(jobs)))
    waited = [number for number in begun if number >= limit]
    assert waited == sorted(waited), "jobs that had to wait begin in order"
    assert most <= limit
    assert len(pool) == 0


@in_own_hub
def test_timers_go_on_after_every_kind_of_failure(caplog: pytest.LogCaptureFixture) -> None:
    faults = iter([ConnectionError(), Overloaded(), ValueError("a bug")])
    runs: list[int] = []

    def act() -> None:
        runs.append(1)
        fault = next(faults, None)
        if fault is not None:
            raise fault

    timers = Timers()
    timers.add(0.0, act)
    timers.start()
    with gevent.Timeout(PATIENCE):
        while len(runs) < 5:
            gevent.sleep(0)
    gevent.killall(timers._greenlets)
    assert "ConnectionError" in caplog.text
    assert "failed" in caplog.text


@in_own_hub
def test_result_of_a_callback_is_returned_raised_or_missing() -> None:
    assert wait_for_result(lambda outcome: outcome("found", None), 1.0) == "found"
    with pytest.raises(NotFound):
        wait_for_result(lambda outcome: outcome(None, NotFound()), 1.0)
    assert wait_for_result(lambda outcome: None, 0.001) is None


@in_own_hub
def test_waiter_returns_whether_a_version_was_stored_in_time() -> None:
    confirmations = Confirmations()
    confirmations.settle([5])
    wait = stored_waiter(confirmations, 0.001)
    assert wait(5)
    assert not wait(6)


def test_sweep_ends_only_sessions_that_were_revoked() -> None:
    registry, _ = make_registry()
    sessions: list[Any] = [Session(1), Session(1), Session(2)]
    revoked: list[Any] = []
    for number, session in enumerate(sessions):
        session.auth_session, session.revoke = f"s{number}", lambda s=session: revoked.append(s)
        registry.enter(session)
    registry.end_revoked(lambda sid, user_id: sid == "s0" or user_id == 2)
    assert revoked == [sessions[0], sessions[2]]


# --- its start


def test_server_without_gevent_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    log_missing_gevent()
    assert [record.message[:22] for record in caplog.records] == ["events reach nobody: t"]
    caplog.clear()
    monkeypatch.setattr("app.gateway.gateway.is_module_patched", lambda name: name == "threading")
    log_missing_gevent()
    assert caplog.records == []
