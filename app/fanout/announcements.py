"""Tells all gateways that what they keep in memory about a user has changed. These records belong to no conversation.

Every function raises Overloaded if Redis does not answer, and is safe to repeat.
"""

from __future__ import annotations

import msgspec
from redis import Redis

from app.core.kinds import Kind
from app.core.records import pack
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded


def announce_block(redis: Redis, one: int, other: int) -> None:
    """From now on, neither user is notified when the other comes online or goes offline."""
    _announce(redis, [Kind.BLOCKED, one, other])


def announce_hidden(redis: Redis, user_id: int) -> None:
    """From now on, sessions that watch this user no longer receive the time of last seen, unless they subscribe again
    and may see it.
    """
    _announce(redis, [Kind.LAST_SEEN_HIDDEN, user_id])


def announce_account_deleted(redis: Redis, sid: str, user_id: int) -> None:
    """All of this user's sessions close. ``sid`` is the entry that revokes their tokens
    (revocation.all_sessions_of).
    """
    _announce(redis, [Kind.REVOKED, sid, user_id])


def announce_log_out(redis: Redis, sid: str) -> None:
    """The connections of this auth session close."""
    with redis_errors_as_overloaded():
        redis.publish(keys.ALL, msgspec.msgpack.encode(["revoked", sid]))


def _announce(redis: Redis, record: list[object]) -> None:
    """Publishes under epoch 0: the record belongs to no history, so a gateway takes no epoch from it."""
    with redis_errors_as_overloaded():
        redis.publish(keys.ALL, pack([0, [[False, record]]]))
