"""Words to all gateways that belong to no conversation: what they keep in memory of users has changed."""

from __future__ import annotations

from redis import Redis

from app.core.records import Kind, pack
from app.message_log import keys
from app.redis_calls import asking


def announce_block(redis: Redis, one: int, other: int) -> None:
    """Neither of the two is told any more when the other comes or goes. Raise Overloaded."""
    _announce(redis, [Kind.BLOCKED, one, other])


def announce_hidden(redis: Redis, user_id: int) -> None:
    """Nobody is told any more when this user was last online, before asking again. Raise Overloaded."""
    _announce(redis, [Kind.LAST_SEEN_HIDDEN, user_id])


def announce_gone(redis: Redis, sid: str, user_id: int) -> None:
    """All of this user's sessions end. ``sid`` is what refuses the tokens (app/services/auth/log_out.py)."""
    _announce(redis, [Kind.REVOKED, sid, user_id])


def _announce(redis: Redis, record: list[object]) -> None:
    """Epoch 0: it belongs to no history, so a gateway learns no epoch from it."""
    asking(lambda: redis.publish(keys.ALL, pack([0, [[False, record]]])))
