"""The directory: which users somebody can find, and whose ids exist for them. Unless the directory is open, every
operation that takes a user id treats a user whom the caller has not met like one who does not exist. So nobody can
enumerate the users by trying ids.
"""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis
from sqlalchemy import Engine

from app.core.errors import NotFound
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded
from app.store import users
from app.store.directory import acquainted, contacts_named
from app.store.engine import reading
from app.store.users import StoredUser

# A user who was found by exact name may be written to or added for this long.
FOUND_SECONDS = 86_400
MAX_FOUND = 1000


class Directory:
    """``mode`` is the setting DIRECTORY. All methods may block, and raise Overloaded if a store does not answer."""

    def __init__(self, *, engine: Engine, redis: Redis, mode: str) -> None:
        self._engine = engine
        self._redis = redis
        self.mode = mode

    def search(self, viewer_id: int, text: str, limit: int) -> list[StoredUser]:
        """Returns the users that the viewer may find by this text, ordered by username."""
        if self.mode == "off":
            return []
        with reading(self._engine) as conn:
            if self.mode == "open":
                return users.search_by_prefix(conn, text, limit)
            exact = users.find_user_by_username(conn, text.strip())
            known = contacts_named(conn, viewer_id, text, limit) if self.mode == "contacts" else []
        if exact is not None:
            self._note_found(viewer_id, exact.id)
        found = {user.id: user for user in [*known, *([exact] if exact else [])]}
        return sorted(found.values(), key=lambda user: user.username)[:limit]

    def visible(self, viewer_id: int, user_ids: Sequence[int]) -> set[int]:
        """Returns the ids that exist for the viewer, provided that such a user exists at all."""
        if self.mode == "open":
            return set(user_ids)
        with reading(self._engine) as conn:
            met = acquainted(conn, viewer_id, user_ids)
        others = [user_id for user_id in user_ids if user_id not in met]
        return met | self._found(viewer_id, others)

    def check(self, viewer_id: int, user_ids: Sequence[int]) -> None:
        """Raises NotFound, as for users that do not exist, unless all of these exist for the viewer."""
        if self.mode != "open" and len(self.visible(viewer_id, user_ids)) < len(set(user_ids)):
            raise NotFound("No such user.")

    def _note_found(self, viewer_id: int, user_id: int) -> None:
        key = keys.found_by(viewer_id)
        with redis_errors_as_overloaded(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.lpush(key, user_id)
            pipeline.ltrim(key, 0, MAX_FOUND - 1)
            pipeline.expire(key, FOUND_SECONDS)
            pipeline.execute()

    def _found(self, viewer_id: int, user_ids: Sequence[int]) -> set[int]:
        if not user_ids:
            return set()
        with redis_errors_as_overloaded():
            found = self._redis.lrange(keys.found_by(viewer_id), 0, -1)
        return {int(user) for user in found} & set(user_ids)
