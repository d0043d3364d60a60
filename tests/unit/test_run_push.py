"""One runner at a time; it plans, wakes its lanes, and ends when there is nothing to do or its process stops."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.fanout import leased_run
from app.fanout.runner_signal import push_signal
from app.message_log import keys
from app.push.lanes import LaneOptions
from app.services.push import run_push, send_push
from app.services.push.push_providers import MadeProvider, Providers
from app.services.push.run_push import PushRunner
from dev.processes import wait_until
from tests.support.patience import PATIENCE
from tests.twins.memory_provider import MemoryProvider
from tests.twins.memory_push_queue import MemoryPushQueue
from tests.twins.memory_redis import MemoryRedis
from tests.twins.memory_store import MemoryEngine

SETTINGS: Any = SimpleNamespace(push_preview="full", push_spacing_seconds=0.0, push_confirm_seconds=10.0)


class World:
    """``plans`` are the results of the next plans: (claimed, queued), or an error."""

    def __init__(self) -> None:
        self.redis: Any = MemoryRedis()
        self.engine: Any = MemoryEngine()
        self.queue = MemoryPushQueue()
        self.provider = MemoryProvider()
        self.plans: list[Any] = []
        self.planned = self.alive = 0
        self.due_ms: int | None = None
        self.stopping = False

    def plan(self, *_: Any, **__: Any) -> tuple[int, int]:
        self.planned += 1
        found = self.plans.pop(0) if self.plans else (0, 0)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    def runner(self) -> PushRunner:
        providers = Providers({"android": "fcm"})
        providers.made = [MadeProvider("fcm", self.provider, LaneOptions(2, 1, 10))]
        return PushRunner(
            self.engine, self.redis, providers, SETTINGS,
            stopping=lambda: self.stopping, alive=self._is_alive, counted=Counter(),
        )  # fmt: skip

    def _is_alive(self) -> None:
        self.alive += 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    made.queue.replace(monkeypatch)
    monkeypatch.setattr(run_push, "plan_notifications", made.plan)
    monkeypatch.setattr(run_push, "next_due_ms", lambda _conn: made.due_ms)
    monkeypatch.setattr(run_push, "reassign", lambda _conn, _platforms: None)
    monkeypatch.setattr(run_push, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(leased_run, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(send_push, "POLL_SECONDS", 0.01)
    return made


class InThread:
    """Runs a runner until it ends by itself or the world stops."""

    def __init__(self, world: World) -> None:
        self.result: list[Any] = []
        self._world = world
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.result.append(self._world.runner().run())
        except (RedisError, Overloaded) as error:
            self.result.append(error)

    def __enter__(self) -> InThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._world.stopping = True
        self.join()

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def test_runner_ends_when_nothing_is_pending_and_frees_the_lease(world: World) -> None:
    assert world.runner().run() is True
    assert world.planned >= 1
    assert not push_signal.is_running(world.redis)


def test_second_runner_leaves_at_once(world: World) -> None:
    world.due_ms = 1  # something is due soon: the runner stays
    with InThread(world) as first:
        wait_until(lambda: world.planned, PATIENCE, "the first plan")
        assert world.runner().run() is False
    assert first.result == [True]
    assert not push_signal.is_running(world.redis)


def test_queued_notifications_are_sent_before_the_runner_ends(world: World) -> None:
    for user in range(5):
        world.queue.add("fcm", user, 7, 1)
    world.plans = [(5, 5)]
    assert world.runner().run() is True
    assert {state for state, _ in world.queue.states().values()} == {"sent"}
    assert len(world.provider.received) == 5


def test_full_claim_is_followed_by_the_next_without_waiting(world: World) -> None:
    world.plans = [(run_push.MAX_CLAIM, 0)] * 3
    before = len(world.redis.calls)
    world.runner().run()
    waits = world.redis.calls[before:].count("blpop")
    assert waits < world.planned
    assert world.planned >= 4


def test_signal_ends_the_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_run, "WAIT_SECONDS", PATIENCE)
    monkeypatch.setattr(run_push, "LINGER_SECONDS", PATIENCE)
    with InThread(world):
        wait_until(lambda: "blpop" in world.redis.calls, PATIENCE, "the wait")
        planned = world.planned
        push_signal.poke(world.redis)
        wait_until(lambda: world.planned > planned, PATIENCE / 2, "the next plan")
        world.stopping = True
        push_signal.poke(world.redis)


def test_overloaded_postgres_is_tried_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.plans = [Overloaded("Postgres is overloaded."), (1, 0)]
    assert world.runner().run() is True
    assert world.planned >= 3
    assert "Postgres is overloaded." in caplog.text


def test_lost_lease_ends_the_runner_and_leaves_the_lease_to_its_holder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.due_ms = 1
    clock = Clock()
    monkeypatch.setattr(leased_run, "time", clock)
    with InThread(world) as runner:
        wait_until(lambda: world.planned, PATIENCE, "the first plan")
        world.redis.set(keys.PUSH_LEASE, "another")
        clock.now += 2.0  # the lease is renewed every second
        runner.join()
    assert runner.result == [True]
    assert world.alive >= 1
    assert world.redis.get(keys.PUSH_LEASE) == b"another"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _seconds: float) -> None:
        """Returns at once."""


def test_broken_redis_ends_the_runner_and_its_lanes(world: World) -> None:
    world.due_ms = 1
    before = threading.active_count()
    with InThread(world) as runner:
        wait_until(lambda: world.planned, PATIENCE, "the first plan")
        world.redis.down = True
        runner.join()
    assert isinstance(runner.result[0], RedisError)
    wait_until(lambda: threading.active_count() <= before + 1, PATIENCE, "the lanes to end")


def test_postgres_that_is_down_at_the_start_raises(world: World) -> None:
    world.engine.down = True
    with pytest.raises(Overloaded):
        world.runner().run()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not lanes(), PATIENCE, "the lanes to end")


def lanes() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("push-lane")]
