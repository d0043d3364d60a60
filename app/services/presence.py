"""Who is online, and since when somebody is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.times import rfc3339
from app.fanout.presence import online
from app.services.message_path import MessagePath, asking
from app.store import users
from app.store.engine import reading


def presence_of(path: MessagePath, user_ids: Sequence[int]) -> list[dict[str, Any]]:
    """``{userId, status, lastSeen}`` for each of these users that exists. May block. Raise Overloaded."""
    ids = list(dict.fromkeys(user_ids))
    states = asking(lambda: online(path.redis, ids))
    with reading(path.engine) as connection:
        stored = users.get_users(connection, ids)
    views = []
    for user_id in ids:
        user = stored.get(user_id)
        if user is None:
            continue
        is_online, seen_ms = states[user_id]
        seen_ms = seen_ms or user.last_seen_ms
        status = "online" if is_online else "offline"
        views.append({"userId": user_id, "status": status, "lastSeen": rfc3339(seen_ms) if seen_ms else None})
    return views
