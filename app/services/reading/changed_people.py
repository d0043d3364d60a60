"""People whose name, avatar or status changed: as JSON, and as the events of sessions that resume."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, to_builtins
from sqlalchemy import Engine

from app.clock import now_ms
from app.core.avatars import shown
from app.core.events import Event, user_event
from app.core.user_status import end_view, status_view
from app.store import changed_people as store
from app.store.changed_people import ChangedUser
from app.store.engine import reading
from app.store.visibility import NOTHING, visible_to

# One resume brings at most this many people. They come at once, and on long-poll in one answer.
MAX_EVENTS = 200


def changed_view(user: ChangedUser, *, presence: bool) -> dict[str, Any]:
    """Returns the data of ``user_updated``. ``presence``: the viewer may see the user's presence, and so the status."""
    now = now_ms()
    status = status_view(user.status, now) if presence else UNSET
    quiet = end_view(user.do_not_disturb_ms, now) if presence else UNSET
    view: dict[str, Any] = {
        "userId": user.id,
        "displayName": user.display_name,
        "avatarUrl": shown(user.avatar_url),
        "status": None if status is UNSET else to_builtins(status),
        "doNotDisturbUntil": None if quiet is UNSET else quiet,
    }
    if user.external_id is not None:
        view["externalId"] = user.external_id
    if user.metadata:
        view["metadata"] = user.metadata
    return {**view, "deleted": True} if user.deleted else view


def people_events(user_id: int, version: int, *, engine: Engine) -> list[Event]:
    """Returns ``user_updated`` for people whom the user knows, if they changed after this version of the stream.

    A version is the time of its record in microseconds, unless Redis was set up with an older clock. Changes shortly
    before are returned too, so an event may come twice. May block. Raises Overloaded.
    """
    with reading(engine) as conn:
        changed = store.changed_since(conn, user_id, version // 1000, MAX_EVENTS)
        visible = visible_to(conn, user_id, [user.id for user in changed or ()])
    if changed is None:
        return [user_event({"all": True})]
    return [user_event(changed_view(user, presence=visible.get(user.id, NOTHING).presence)) for user in changed]
