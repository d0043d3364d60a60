"""Moves changes of presence into the feed for hosts.

While a host gets events, the scripts that change presence record it in a list in Redis (app/fanout/lua/announce.lua). A
crash between the two steps here, or a second process that moves at the same time, writes an event twice. A loss of
Redis loses some events.
"""

from __future__ import annotations

from typing import cast

import msgspec
from redis import Redis
from sqlalchemy import Engine

from app.core.host_events import user_lane
from app.core.times import rfc3339
from app.message_log import keys
from app.store.engine import writing
from app.store.host_events import NewEvent, insert_events

AT_ONCE = 1000
MARK_SECONDS = 60

# Removes the first entries, unless another process has removed some since we read them.
_FORGET = """
if redis.call('LINDEX', KEYS[1], 0) == ARGV[1] then redis.call('LTRIM', KEYS[1], ARGV[2], -1) end
"""


def mark_fed(redis: Redis) -> None:
    """Makes the scripts record presence for the next minute. Raises RedisError."""
    redis.set(keys.FED, "1", ex=MARK_SECONDS)


def move_presence(redis: Redis, engine: Engine) -> int:
    """Moves the recorded changes into the feed. Returns their number. Raises RedisError, Overloaded."""
    moved = 0
    while recorded := cast(list[bytes], redis.lrange(keys.FED_PRESENCE, 0, AT_ONCE - 1)):
        with writing(engine) as conn:
            insert_events(conn, [_event(one) for one in recorded])
        redis.eval(_FORGET, 1, keys.FED_PRESENCE, recorded[0], len(recorded))
        moved += len(recorded)
    return moved


def _event(recorded: bytes) -> NewEvent:
    user, online, ms, seen_ms = map(int, recorded.split())
    data = msgspec.json.encode({"userId": user, **({} if online else {"lastSeen": rfc3339(seen_ms)})})
    return NewEvent(user_lane(user), "user.online" if online else "user.offline", data, ms)
