"""Who is online, and since when somebody is not: as far as the one who asks may know.

Between two of whom one has blocked the other each is offline for the other, and was never seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.times import rfc3339
from app.fanout.hub import Hub, Session
from app.fanout.presence import online
from app.redis_calls import asking
from app.services.messaging.message_path import MessagePath
from app.store import users
from app.store.engine import reading
from app.store.visibility import NOTHING, Visible, visible_to

View = dict[str, Any]


def presence_of(path: MessagePath, viewer_id: int, user_ids: Sequence[int]) -> list[View]:
    """``{userId, status, lastSeen}`` for each of these users. Nobody of that id is offline, and was never seen.

    May block. Raise Overloaded.
    """
    return _look(path, viewer_id, list(dict.fromkeys(user_ids)))[0]


def watch_presence(path: MessagePath, hub: Hub, session: Session, user_ids: Sequence[int]) -> list[View]:
    """The same, for a session that watches these users from now on; it ceases to watch whom it may not.

    Called when the session watches already. So what changes while this looks is told to the hub, and nothing falls in
    between: neither somebody who comes, nor a block.
    """
    ids = list(dict.fromkeys(user_ids))
    views, visible = _look(path, session.user_id, ids)
    hub.unwatch(session, [user for user in ids if visible.get(user, NOTHING).blocked])
    hub.show_last_seen(session, [user for user in ids if visible.get(user, NOTHING).last_seen])
    return views


def _look(path: MessagePath, viewer_id: int, ids: list[int]) -> tuple[list[View], dict[int, Visible]]:
    states = asking(lambda: online(path.redis, ids))
    with reading(path.engine) as connection:
        stored = users.get_users(connection, ids)
        visible = visible_to(connection, viewer_id, ids)
    nobody = {"status": "offline", "lastSeen": None}  # also who has deleted their account
    views = [
        _view(stored[i], *states[i], visible.get(i, NOTHING)) if i in stored else {"userId": i, **nobody} for i in ids
    ]
    return views, visible


def _view(user: users.StoredUser, is_online: bool, seen_ms: int | None, visible: Visible) -> View:
    status = "online" if is_online and not visible.blocked else "offline"
    seen_ms = (seen_ms or user.last_seen_ms) if visible.last_seen else None
    return {"userId": user.id, "status": status, "lastSeen": rfc3339(seen_ms) if seen_ms else None}
