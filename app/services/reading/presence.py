"""Reads presence: which users are online, and when the others were last seen, as far as the viewer may see it.

If one of two users has blocked the other, each of them looks offline and never seen to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from app.core.times import rfc3339
from app.fanout.hub import Hub, Session
from app.fanout.presence import online
from app.redis_calls import redis_errors_as_overloaded
from app.store import users
from app.store.engine import reading
from app.store.visibility import NOTHING, Visible, visible_to

View = dict[str, Any]


class PresenceReader:
    """May block. Its methods raise Overloaded if a store does not answer."""

    def __init__(self, *, engine: Engine, redis: Redis, hub: Hub) -> None:
        self._engine = engine
        self._redis = redis
        self._hub = hub

    def read(self, viewer_id: int, user_ids: Sequence[int]) -> list[View]:
        """Returns ``{userId, status, lastSeen}`` for each of these users. Unknown users are offline and never seen."""
        return self._look(viewer_id, list(dict.fromkeys(user_ids)))[0]

    def watch(self, session: Session, user_ids: Sequence[int]) -> list[View]:
        """Returns the same for a session that watches these users, and stops watching those it may not see.

        The session must watch them before the call. Then the hub reports whatever changes during the reads, so nothing
        is missed: neither a user who comes online nor a block.
        """
        ids = list(dict.fromkeys(user_ids))
        views, visible = self._look(session.user_id, ids)
        self._hub.unwatch(session, [user for user in ids if visible.get(user, NOTHING).blocked])
        self._hub.show_last_seen(session, [user for user in ids if visible.get(user, NOTHING).last_seen])
        return views

    def _look(self, viewer_id: int, ids: list[int]) -> tuple[list[View], dict[int, Visible]]:
        with redis_errors_as_overloaded():
            states = online(self._redis, ids)
        with reading(self._engine) as connection:
            stored = users.get_users(connection, ids)
            visible = visible_to(connection, viewer_id, ids)
        nobody = {"status": "offline", "lastSeen": None}  # unknown users and deleted accounts
        views = [
            _view(stored[i], *states[i], visible.get(i, NOTHING)) if i in stored else {"userId": i, **nobody}
            for i in ids
        ]
        return views, visible


def _view(user: users.StoredUser, is_online: bool, seen_ms: int | None, visible: Visible) -> View:
    status = "online" if is_online and not visible.blocked else "offline"
    seen_ms = (seen_ms or user.last_seen_ms) if visible.last_seen else None
    return {"userId": user.id, "status": status, "lastSeen": rfc3339(seen_ms) if seen_ms else None}
