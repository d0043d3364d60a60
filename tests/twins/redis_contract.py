"""The contract of Redis' commands and of publish/subscribe. Valkey and its in-memory twin pass these tests."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError, TimeoutError

from app.fanout.runner_signal import push_signal
from dev.processes import wait_until

CHANNELS = ("{parley}:to:here", "{parley}:all")


class RedisContract:
    """Subclasses define the fixture ``redis``, an empty Redis, and ``cut_subscriptions``."""

    @staticmethod
    def cut_subscriptions(redis: Any) -> None:
        raise NotImplementedError

    def test_set_nx_keeps_the_first_value(self, redis: Any) -> None:
        assert redis.set("k", "one", nx=True)
        assert redis.set("k", "two", nx=True) is None
        assert redis.get("k") == b"one"
        assert redis.mget(["k", "absent"]) == [b"one", None]
        assert redis.delete("k", "absent") == 1
        assert redis.get("k") is None

    def test_key_expires(self, redis: Any) -> None:
        redis.set("k", "v", px=1)
        wait_until(lambda: redis.get("k") is None, 5, "the key to expire")
        assert redis.pexpire("k", 1000) == 0
        assert redis.set("k", "v", nx=True)

    def test_hash_keeps_numbers_as_text(self, redis: Any) -> None:
        redis.hset("h", mapping={"a": 1, "b": b"\x00"})
        redis.hset("h", "a", 2)
        assert redis.hget("h", "a") == b"2"
        assert redis.hmget("h", ["a", "b", "c"]) == [b"2", b"\x00", None]
        assert redis.hexists("h", "b")
        assert not redis.hexists("absent", "b")

    def test_pipeline_returns_every_result_in_order(self, redis: Any) -> None:
        with redis.pipeline(transaction=False) as pipe:
            pipe.set("k", "v")
            pipe.get("k")
            pipe.exists("absent")
            assert pipe.execute() == [True, b"v", 0]

    def test_lease_has_one_holder(self, redis: Any) -> None:
        assert push_signal.take_lease(redis, "one", 60)
        assert push_signal.take_lease(redis, "one", 60)
        assert not push_signal.take_lease(redis, "two", 60)
        push_signal.end_lease(redis, "two")
        assert push_signal.is_running(redis)
        push_signal.end_lease(redis, "one")
        assert push_signal.take_lease(redis, "two", 60)

    def test_many_signals_wake_once(self, redis: Any) -> None:
        assert [push_signal.poke(redis) for _ in range(3)] == [False] * 3
        assert push_signal.wait(redis, 5)
        assert not push_signal.wait(redis, 0.01)

    def test_subscriber_gets_its_channels_in_order(self, redis: Any) -> None:
        pubsub, connection = subscribe(redis)
        assert redis.publish(CHANNELS[0], b"1") == 1
        assert redis.publish("{parley}:to:elsewhere", b"2") == 0
        assert redis.publish(CHANNELS[1], b"3") == 1
        assert read(connection) == [b"message", CHANNELS[0].encode(), b"1"]
        assert read(connection) == [b"message", CHANNELS[1].encode(), b"3"]
        pubsub.close()
        wait_until(lambda: redis.publish(CHANNELS[0], b"4") == 0, 5, "the end of the subscription")

    def test_silence_is_a_timeout_and_a_ping_is_answered(self, redis: Any) -> None:
        pubsub, connection = subscribe(redis)
        with pytest.raises(TimeoutError):
            read(connection, 0.01)
        connection.send_command("PING", check_health=False)
        assert read(connection)[0] == b"pong"
        redis.publish(CHANNELS[0], b"after")
        assert read(connection)[2] == b"after"
        pubsub.close()

    def test_cut_subscription_raises_and_loses_what_is_published_meanwhile(self, redis: Any) -> None:
        pubsub, connection = subscribe(redis)
        self.cut_subscriptions(redis)
        with pytest.raises(ConnectionError):
            read(connection)
        pubsub.close()
        wait_until(lambda: redis.publish(CHANNELS[0], b"lost") == 0, 5, "the end of the subscription")
        again, connection = subscribe(redis)
        redis.publish(CHANNELS[0], b"new")
        assert read(connection)[2] == b"new"
        again.close()


def subscribe(redis: Any) -> tuple[Any, Any]:
    pubsub = redis.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(*CHANNELS)
    for number, channel in enumerate(CHANNELS, 1):
        assert read(pubsub.connection) == [b"subscribe", channel.encode(), number]
    return pubsub, pubsub.connection


def read(connection: Any, timeout: float = 5) -> Any:
    return connection.read_response(timeout=timeout, disconnect_on_error=False, push_request=True)
