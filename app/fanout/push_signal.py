"""How the runner of push notifications is woken, and that there is one. Hints: what is owed is in Postgres."""

from __future__ import annotations

from redis import Redis

from app.message_log import keys


def poke(redis: Redis) -> bool:
    """Something is owed. Returns whether a runner is there to hear of it. Raise RedisError."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.rpush(keys.PUSH_WAKE, "1")
        pipe.ltrim(keys.PUSH_WAKE, -1, -1)
        pipe.expire(keys.PUSH_WAKE, 60)
        pipe.exists(keys.PUSH_LEASE)
        return bool(pipe.execute()[-1])


def wait(redis: Redis, seconds: float) -> bool:
    """Until somebody pokes, at most so long; whether somebody did. ``redis``: its socket timeout is longer. Raise
    RedisError.
    """
    return redis.blpop([keys.PUSH_WAKE], timeout=seconds) is not None


def is_running(redis: Redis) -> bool:
    """Raise RedisError."""
    return bool(redis.exists(keys.PUSH_LEASE))


def take_lease(redis: Redis, token: str, seconds: float) -> bool:
    """Be the runner for so long, or go on being it. False where another one is. Raise RedisError.

    Two at once do no harm (each row is claimed by one): between looking and setting, nothing is locked.
    """
    if redis.get(keys.PUSH_LEASE) == token.encode():
        return bool(redis.pexpire(keys.PUSH_LEASE, int(seconds * 1000)))
    return bool(redis.set(keys.PUSH_LEASE, token, nx=True, px=int(seconds * 1000)))


def end_lease(redis: Redis, token: str) -> None:
    """Raise RedisError."""
    if redis.get(keys.PUSH_LEASE) == token.encode():
        redis.delete(keys.PUSH_LEASE)
