"""What the local twin of push services was given, kept for a look at it in development."""

from __future__ import annotations

import json
import time
from typing import Any, cast

from redis import Redis

from app.core.times import rfc3339
from app.message_log import keys

MAX_OUTBOX = 200


def note(redis: Redis, user_id: int, target_id: int, platform: str, payload: dict[str, Any]) -> None:
    """Raise RedisError."""
    sent_at = rfc3339(int(time.time() * 1000))
    noted = {"userId": user_id, "targetId": target_id, "platform": platform, "sentAt": sent_at, "payload": payload}
    with redis.pipeline(transaction=False) as pipe:
        pipe.lpush(keys.PUSH_OUTBOX, json.dumps(noted))
        pipe.ltrim(keys.PUSH_OUTBOX, 0, MAX_OUTBOX - 1)
        pipe.execute()


def read_outbox(redis: Redis, user_id: int) -> list[dict[str, Any]]:
    """The user's of the newest ``MAX_OUTBOX``, the newest first. Raise RedisError."""
    rows = [json.loads(row) for row in cast(list[bytes], redis.lrange(keys.PUSH_OUTBOX, 0, -1))]
    return [{k: v for k, v in row.items() if k != "userId"} for row in rows if row["userId"] == user_id]
