"""The development outbox: keeps the local twin's deliveries in Redis, for a developer to look at."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import msgspec
from redis import Redis

from app.core.errors import NotFound
from app.core.push import Outbox
from app.core.times import rfc3339
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded

MAX_OUTBOX = 200


def record(redis: Redis, user_id: int, target_id: int, platform: str, payload: dict[str, Any]) -> None:
    """Adds a delivery and keeps the newest ``MAX_OUTBOX``. Raises RedisError."""
    sent_at = rfc3339(int(time.time() * 1000))
    entry = {"userId": user_id, "targetId": target_id, "platform": platform, "sentAt": sent_at, "payload": payload}
    with redis.pipeline(transaction=False) as pipe:
        pipe.lpush(keys.PUSH_OUTBOX, json.dumps(entry))
        pipe.ltrim(keys.PUSH_OUTBOX, 0, MAX_OUTBOX - 1)
        pipe.execute()


def show_outbox(user_id: int, *, redis: Redis, app_env: str) -> Outbox:
    """Returns the user's own deliveries, the newest first. Raises NotFound outside development, and Overloaded."""
    if app_env != "development":
        raise NotFound
    with redis_errors_as_overloaded():
        deliveries = _read(redis, user_id)
    return msgspec.convert({"deliveries": deliveries}, Outbox)


def _read(redis: Redis, user_id: int) -> list[dict[str, Any]]:
    rows = [json.loads(row) for row in cast(list[bytes], redis.lrange(keys.PUSH_OUTBOX, 0, -1))]
    return [{k: v for k, v in row.items() if k != "userId"} for row in rows if row["userId"] == user_id]
