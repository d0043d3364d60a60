"""The subscription: messages in order, a new subscription after every break, and a catch-up after each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest

from app.core.kinds import Kind
from app.core.records import pack
from app.fanout import listener as listener_module
from app.fanout.listener import Listener
from app.message_log import keys
from app.message_log.shards import Shard
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE
from tests.twins.memory_redis import MemoryRedis


class Heard:
    """Records the reports of the listener in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Any]] = []
        self.fail_on: int | None = None

    def dispatch(self, epoch: int, items: list[Any]) -> None:
        self.all.append(("dispatch", (epoch, items)))
        if epoch == self.fail_on:
            raise ValueError("a bug")

    def saw_epoch(self, epoch: int) -> None:
        self.all.append(("epoch", epoch))

    def resubscribed(self) -> None:
        self.all.append(("subscribed", None))

    def items(self) -> list[Any]:
        return [value for name, value in self.all if name == "dispatch"]

    def count(self, name: str) -> int:
        return [what for what, _ in self.all].count(name)


@contextmanager
def listening(redis: MemoryRedis, heard: Heard) -> Iterator[Listener]:
    made = Listener(
        Shard(redis),  # type: ignore[arg-type]
        "here",
        dispatch=heard.dispatch,
        compare=lambda _redis: heard.all.append(("compared", None)),
        saw_epoch=heard.saw_epoch,
        saw_version=lambda _epoch, _version: None,
        revoked=lambda _sid: None,
        resubscribed=heard.resubscribed,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener_module.random, "uniform", lambda _low, _high: 0.0)  # subscribes again at once
        made.start()
        try:
            assert made.subscribed.wait(PATIENCE)
            yield made
        finally:
            made.stop()


def until(ready: Any) -> None:
    with gevent.Timeout(PATIENCE, AssertionError("it does not happen")):
        while not ready():
            gevent.sleep(0)


def publish(redis: MemoryRedis, epoch: int, *items: Any, channel: str = "here") -> int:
    return redis.publish(keys.FIRST.gateway_channel(channel), pack((epoch, items)))


@in_own_hub
def test_messages_of_both_channels_are_dispatched_in_order() -> None:
    redis, heard = MemoryRedis(), Heard()
    with listening(redis, heard):
        publish(redis, 3, [[1], [Kind.READ]])
        redis.publish(keys.ALL, pack((0, [[False, [Kind.STORED, [5]]]])))
        publish(redis, 4, [[1], [Kind.DELIVERED]])
        until(lambda: heard.count("dispatch") == 3)
    assert [epoch for epoch, _ in heard.items()] == [3, 0, 4]
    assert [value for name, value in heard.all if name == "epoch"] == [3, 4], "0 is no epoch"
    assert heard.all[:2] == [("compared", None), ("subscribed", None)]


@in_own_hub
def test_logout_on_another_gateway_becomes_a_revocation() -> None:
    redis, heard = MemoryRedis(), Heard()
    with listening(redis, heard):
        redis.publish(keys.ALL, pack(("revoked", "sid")))
        until(lambda: heard.count("dispatch") == 1)
    assert heard.items() == [(0, [[False, [Kind.REVOKED, "sid"]]])]


@in_own_hub
def test_garbage_on_the_channel_is_dropped_and_the_next_message_arrives(caplog: pytest.LogCaptureFixture) -> None:
    redis, heard = MemoryRedis(), Heard()
    with listening(redis, heard) as listener:
        redis.publish(keys.FIRST.gateway_channel("here"), b"\xc1 is not MessagePack")
        publish(redis, 3)
        until(lambda: heard.count("dispatch") == 1)
        assert listener.subscriptions == 1
    assert "not MessagePack" in caplog.text


@in_own_hub
def test_each_break_is_followed_by_a_subscription_and_a_catch_up() -> None:
    redis, heard = MemoryRedis(), Heard()
    with listening(redis, heard) as listener:
        for number in range(2, 5):
            redis.cut_subscriptions()
            until(lambda number=number: listener.subscriptions == number)
            assert heard.count("subscribed") == number
            publish(redis, number)
            until(lambda number=number: heard.items() and heard.items()[-1][0] == number)
        assert len(redis.subscribers) == 1, "old subscriptions are closed"


@in_own_hub
def test_fault_in_dispatch_does_not_end_the_listener(caplog: pytest.LogCaptureFixture) -> None:
    """The failed message is not lost: sessions catch up from the stores."""
    redis, heard = MemoryRedis(), Heard()
    heard.fail_on = 3
    with listening(redis, heard) as listener:
        publish(redis, 3)
        until(lambda: listener.subscriptions == 2)
        publish(redis, 4)
        until(lambda: heard.count("dispatch") == 2)
    assert "the listener failed" in caplog.text


@in_own_hub
def test_listener_subscribes_as_soon_as_redis_is_back() -> None:
    redis, heard = MemoryRedis(), Heard()
    with listening(redis, heard) as listener:
        redis.down = True
        redis.cut_subscriptions()
        until(lambda: not listener.subscribed.is_set())
        tried = len(redis.calls)
        until(lambda: len(redis.calls) > tried + 2)
        redis.down = False
        until(lambda: listener.subscriptions == 2)
        assert listener.subscribed.is_set()


@in_own_hub
def test_silent_connection_is_pinged_and_replaced_only_if_no_answer_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "QUIET_SECONDS", 0.01)
    redis, heard = MemoryRedis(), Heard()
    with listening(redis, heard) as listener:
        (subscriber,) = redis.subscribers
        until(lambda: subscriber.pings >= 3)
        assert listener.subscriptions == 1, "every ping was answered"
        redis.down = True
        until(lambda: not listener.subscribed.is_set())
        redis.down = False
        until(lambda: listener.subscriptions == 2)
