"""Moves the times when users were last online from Redis to Postgres."""

from __future__ import annotations

from redis import Redis
from sqlalchemy import Engine

from app.message_log import keys
from app.store import users
from app.store.engine import writing

BATCH = 1000

# Deletes an entry only if it has not changed since we read it.
_FORGET = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
"""


def move_last_seen(redis: Redis, engine: Engine) -> int:
    """Moves all entries and returns their number. Safe to repeat: a time in Postgres only moves forward."""
    moved = 0
    cursor = 0
    while True:
        found: dict[bytes, bytes]
        cursor, found = redis.hscan(keys.SEEN, cursor, count=BATCH)  # type: ignore[assignment]
        if found:
            with writing(engine) as connection:
                users.set_last_seen(connection, [(int(user), int(ms)) for user, ms in found.items()])
            redis.eval(_FORGET, 1, keys.SEEN, *(part for row in found.items() for part in row))
            moved += len(found)
        if cursor == 0:
            return moved
