"""Shows conversations to the host's server: with up to 100 members, and without any member's own view."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

from app.core.metadata import with_metadata
from app.core.record_events import member_views
from app.core.times import rfc3339
from app.message_log.conversations import GroupNow, group_now
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.host.references import require_conversation
from app.store import conversations
from app.store.conversations import MEMBERS_SHOWN
from app.store.engine import reading
from app.store.external_ids import external_ids_of_users
from app.store.host_conversations import HostConversation

View = dict[str, Any]


def show_conversation(given: str | int, *, engine: Engine, shards: Shards) -> View:
    """Returns the conversation with an external id or a Parley id. Raises NotFound, Invalid, Overloaded."""
    with reading(engine) as conn:
        found = require_conversation(conn, given)
        with redis_errors_as_overloaded():
            now = group_now(shards.of(found.id), found.id) if found.kind == "group" else None
        view = _of_store(conn, found)
        if now is not None:
            view = _of_redis(view, now)
        _add_external_ids(conn, view)
    return view


def _of_store(conn: Connection, found: HostConversation) -> View:
    (state,) = conversations.load_state(conn, [found.id])
    view: View = {
        "id": found.id,
        "kind": found.kind,
        "memberCount": found.member_count,
        "lastSeq": state.last_seq,
        "createdAt": rfc3339(found.created_ms),
        "updatedAt": rfc3339(found.activity_ms),
        **with_metadata(state.info),
    }
    if found.metadata:
        view["metadata"] = found.metadata
    if found.external_id is not None:
        view["externalId"] = found.external_id
    members = conversations.all_members_of(conn, [found.id]).get(found.id, [])
    return _with_members(view, members if found.member_count <= MEMBERS_SHOWN else None)


def _of_redis(view: View, now: GroupNow) -> View:
    """Redis is ahead of Postgres."""
    kept = {name: value for name, value in view.items() if name not in conversations.INFO}
    kept |= {"memberCount": now.member_count, "lastSeq": max(view["lastSeq"], now.last_seq), **with_metadata(now.info)}
    return _with_members(kept, now.members)


def _with_members(view: View, members: Any) -> View:
    view.pop("members", None)
    if members is not None:
        view["members"] = member_views(members)
    return view


def _add_external_ids(conn: Connection, view: View) -> None:
    members = view.get("members", [])
    names = external_ids_of_users(conn, [member["userId"] for member in members])
    for member in members:
        if member["userId"] in names:
            member["externalId"] = names[member["userId"]]
