"""Wakes a long-lived runner, and holds its lease. These are only hints: pending work is in Postgres."""

from __future__ import annotations

from typing import NamedTuple

from redis import Redis

from app.message_log import keys


class RunnerSignal(NamedTuple):
    """All methods raise RedisError."""

    lease: str
    wake: str

    def poke(self, redis: Redis) -> bool:
        """Signals that there is work. Returns whether a runner holds the lease."""
        with redis.pipeline(transaction=False) as pipe:
            pipe.rpush(self.wake, "1")
            pipe.ltrim(self.wake, -1, -1)
            pipe.expire(self.wake, 60)
            pipe.exists(self.lease)
            return bool(pipe.execute()[-1])

    def wait(self, redis: Redis, seconds: float) -> bool:
        """Waits for a signal, at most ``seconds``. Returns whether one came.

        The socket timeout of ``redis`` must be longer.
        """
        return redis.blpop([self.wake], timeout=seconds) is not None

    def is_running(self, redis: Redis) -> bool:
        """Returns whether a runner holds the lease."""
        return bool(redis.exists(self.lease))

    def take_lease(self, redis: Redis, token: str, seconds: float) -> bool:
        """Takes or renews the lease. Returns False if another runner holds it.

        Nothing is locked between the read and the write. Two runners at once do no harm, because only one of them can
        claim a row.
        """
        if redis.get(self.lease) == token.encode():
            return bool(redis.pexpire(self.lease, int(seconds * 1000)))
        return bool(redis.set(self.lease, token, nx=True, px=int(seconds * 1000)))

    def end_lease(self, redis: Redis, token: str) -> None:
        """Releases the lease if ``token`` holds it."""
        if redis.get(self.lease) == token.encode():
            redis.delete(self.lease)


push_signal = RunnerSignal(keys.PUSH_LEASE, keys.PUSH_WAKE)
webhook_signal = RunnerSignal(keys.WEBHOOK_LEASE, keys.WEBHOOK_WAKE)
