"""Reads presence: which users are online, and when the others were last seen. One rule decides about both.

A user whose presence the viewer may not see looks offline and never seen. The same holds for two users of whom one has
blocked the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from app.core.times import rfc3339
from app.fanout.hub import Hub
from app.fanout.hub_session import Session
from app.fanout.presence import online
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.directory import Directory
from app.services.reading.external_ids import find_user_ids
from app.store import users
from app.store.engine import reading
from app.store.visibility import NOTHING, Visible, visible_to

View = dict[str, Any]
Register = Callable[[list[int]], Mapping[int, tuple[bool, int | None]]]


class PresenceReader:
    """May block. Its methods raise Overloaded if a store does not answer.

    ``register`` subscribes this gateway to changes of users, and returns their present states.
    """

    def __init__(self, *, engine: Engine, redis: Redis, hub: Hub, directory: Directory, register: Register) -> None:
        self._engine = engine
        self._redis = redis
        self._hub = hub
        self._directory = directory
        self._register = register

    def resolve(self, viewer_id: int, given: Sequence[int | str]) -> dict[int, str | None]:
        """Returns the user ids, and the external ids of users that were requested by one. Users whose external id is
        unknown, or whom the directory does not show, are left out.
        """
        found = find_user_ids(given, engine=self._engine)
        seen = self._directory.visible(viewer_id, list(found.values())) if found else set()
        asked: dict[int, str | None] = {}
        for user in given:
            if isinstance(user, int):
                asked.setdefault(user, None)
            elif found.get(user) in seen:
                asked[found[user]] = user
        return asked

    def read(self, viewer_id: int, asked: Mapping[int, str | None]) -> list[View]:
        """Returns ``{userId, status, lastSeen}`` for each of these users, with ``externalId`` for users who were
        requested by it. Unknown users are offline and never seen.
        """
        ids = list(asked)
        with reading(self._engine) as connection:
            visible = visible_to(connection, viewer_id, self._known(viewer_id, ids))
        return _named(self._views(ids, visible, partial(online, self._redis)), asked)

    def watch(self, session: Session, asked: Mapping[int, str | None]) -> list[View]:
        """Returns the same for a session that watches these users. Stops watching those it may not see.

        The session must watch them before the call. Then the hub reports everything that changes during the reads, so
        nothing is missed: neither a user who comes online nor a block.
        """
        ids = list(asked)
        with reading(self._engine) as connection:
            visible = visible_to(connection, session.user_id, self._known(session.user_id, ids))
        self._hub.watchers.unwatch(session, [user for user in ids if visible.get(user, NOTHING).blocked])
        self._hub.watchers.allow(session, [user for user in ids if visible.get(user, NOTHING).presence])
        return _named(self._views(ids, visible, partial(self._read_visible, visible)), asked)

    def _read_visible(self, visible: Mapping[int, Visible], ids: list[int]) -> dict[int, tuple[bool, int | None]]:
        """Registers only users who exist and may be seen, so that clients cannot fill Redis. Others look offline."""
        states = self._register([user for user in ids if visible.get(user, NOTHING).presence])
        return {user: states.get(user, (False, None)) for user in ids}

    def _known(self, viewer_id: int, ids: list[int]) -> list[int]:
        known = self._directory.visible(viewer_id, ids)
        return [user_id for user_id in ids if user_id in known]

    def _views(self, ids: list[int], visible: dict[int, Visible], read: Register) -> list[View]:
        with redis_errors_as_overloaded():
            states = read(ids)
        with reading(self._engine) as connection:
            stored = users.get_users(connection, ids)
        nobody = {"status": "offline", "lastSeen": None}  # unknown users and deleted accounts
        return [
            _view(stored[i], *states[i], visible.get(i, NOTHING)) if i in stored else {"userId": i, **nobody}
            for i in ids
        ]


def _view(user: users.StoredUser, is_online: bool, seen_ms: int | None, visible: Visible) -> View:
    status = "online" if is_online and visible.presence else "offline"
    seen_ms = (seen_ms or user.last_seen_ms) if visible.presence else None
    return {"userId": user.id, "status": status, "lastSeen": rfc3339(seen_ms) if seen_ms else None}


def _named(views: list[View], asked: Mapping[int, str | None]) -> list[View]:
    return [view | {"externalId": name} if (name := asked[view["userId"]]) else view for view in views]
