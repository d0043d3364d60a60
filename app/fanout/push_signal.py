"""Wakes the runner of push notifications, and holds its lease. These are only hints: pending pushes are in Postgres."""

from __future__ import annotations

from redis import Redis

from app.message_log import keys


def poke(redis: Redis) -> bool:
    """Signals that a push is pending. Returns whether a runner holds the lease. Raises RedisError."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.rpush(keys.PUSH_WAKE, "1")
        pipe.ltrim(keys.PUSH_WAKE, -1, -1)
        pipe.expire(keys.PUSH_WAKE, 60)
        pipe.exists(keys.PUSH_LEASE)
        return bool(pipe.execute()[-1])


def wait(redis: Redis, seconds: float) -> bool:
    """Waits for a signal, at most ``seconds``. Returns whether one came. Raises RedisError.

    The socket timeout of ``redis`` must be longer.
    """
    return redis.blpop([keys.PUSH_WAKE], timeout=seconds) is not None


def is_running(redis: Redis) -> bool:
    """Returns whether a runner holds the lease. Raises RedisError."""
    return bool(redis.exists(keys.PUSH_LEASE))


def take_lease(redis: Redis, token: str, seconds: float) -> bool:
    """Takes or renews the lease. Returns False if another runner holds it. Raises RedisError.

    Nothing is locked between the read and the write. Two runners at once do no harm: each row is claimed by one.
    """
    if redis.get(keys.PUSH_LEASE) == token.encode():
        return bool(redis.pexpire(keys.PUSH_LEASE, int(seconds * 1000)))
    return bool(redis.set(keys.PUSH_LEASE, token, nx=True, px=int(seconds * 1000)))


def end_lease(redis: Redis, token: str) -> None:
    """Releases the lease if ``token`` holds it. Raises RedisError."""
    if redis.get(keys.PUSH_LEASE) == token.encode():
        redis.delete(keys.PUSH_LEASE)
