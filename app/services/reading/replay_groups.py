"""Reads the present state of groups, for sessions that missed changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from app.core.avatars import shown
from app.core.kinds import Kind
from app.core.metadata import with_metadata
from app.core.record_events import member_views, settings_view
from app.core.records import Record
from app.core.times import rfc3339
from app.message_log.conversations import GroupNow, group_now
from app.message_log.shards import Shards
from app.message_log.tails import Tail
from app.redis_calls import redis_errors_as_overloaded
from app.store import conversations
from app.store.conversations import ConversationSummary, JoinedMember
from app.store.replay import StoredSettings, groups_changed_since, left_since

View = dict[str, Any]


def changed_groups(
    conn: Connection,
    user_id: int,
    version: int,
    tail: Tail,
    records: Iterable[Record],
    *,
    changed: Sequence[int],
    shards: Shards,
) -> dict[int, tuple[int, View]]:
    """Returns conversation -> (version of its last change, the data of ``conversation_updated``). ``changed`` are all
    conversations that changed after ``version``.
    """
    latest = groups_changed_since(conn, user_id, version, changed)
    gone = left_since(conn, user_id, version, changed)
    latest |= gone
    for record in records:
        if record.kind == Kind.GROUP_CHANGED and record.version > version:
            latest[record.conversation_id] = max(record.version, latest.get(record.conversation_id, 0))
    for conversation_id, (is_member, _) in tail.membership_of(user_id).items():
        gone.pop(conversation_id, None)
        if not is_member:
            gone[conversation_id] = latest.get(conversation_id, 0)
    stored = conversations.all_members_of(conn, [c for c in latest if c not in gone])

    def view_of(c: int, at: int) -> View:
        view = {**group_view(conn, user_id, c, shards=shards), "updatedAt": _moment(at)}
        return with_joined_seqs(view, stored.get(c, ()), tail)

    return {c: (at, left_view(c) if c in gone else view_of(c, at)) for c, at in latest.items()}


def _moment(version: int) -> str:
    """Returns the time of a version, which is the microsecond in which it was assigned."""
    return rfc3339(version // 1000)


def left_view(conversation_id: int) -> View:
    return {"id": conversation_id, "kind": "group", "left": True}


def group_view(conn: Connection, user_id: int, conversation_id: int, *, shards: Shards) -> View:
    """Returns the group from Redis, which is ahead of Postgres, or from Postgres if Redis does not hold it."""
    with redis_errors_as_overloaded():
        now = group_now(shards.of(conversation_id), conversation_id)
    if now is not None:
        return _of_redis(conversation_id, now)
    summary = conversations.get_one(conn, user_id, conversation_id)
    return left_view(conversation_id) if summary is None else _of_store(summary)


def _of_redis(conversation_id: int, now: GroupNow) -> View:
    view: View = {"id": conversation_id, "kind": "group", **with_metadata(now.info), "memberCount": now.member_count}
    view["lastSeq"] = now.last_seq
    if now.members is not None:
        view["members"] = member_views(now.members)
    return view


def with_joined_seqs(view: View, stored: Iterable[JoinedMember], tail: Tail) -> View:
    """Adds where each member joined, which Redis does not have: ``stored`` are the members in Postgres."""
    joined = {member.user_id: member.joined_seq for member in stored} | tail.joined_in(view["id"])
    for member in view.get("members", ()):
        if member["userId"] in joined:
            member["joinedSeq"] = joined[member["userId"]]
    return view


def _of_store(summary: ConversationSummary) -> View:
    view: View = {
        "id": summary.id,
        "kind": summary.kind,
        **info_view(summary),
        "memberCount": summary.member_count,
        "lastSeq": summary.last_seq,
        "updatedAt": rfc3339(summary.activity_us // 1000),
    }
    if summary.member_count <= conversations.MEMBERS_SHOWN:
        view["members"] = member_views(summary.members)
    return view


def info_view(summary: ConversationSummary) -> View:
    """Returns the fields of INFO (store/conversations.py), without those that are not set. A direct conversation has
    only an external id and metadata.
    """
    found = {
        "name": summary.name,
        "description": summary.description,
        "avatarUrl": shown(summary.avatar_url),
        "history": summary.history if summary.kind == "group" else None,
        "externalId": summary.external_id,
        "readOnly": summary.read_only or None,
        "metadata": summary.metadata,
    }
    return {name: value for name, value in found.items() if value is not None}


def stored_settings_view(row: StoredSettings) -> View:
    changes = {
        "mutedUntil": row.muted_until_ms or 0,
        "exceptMentions": row.except_mentions,
        "archived": row.archived,
        "pinned": row.pinned,
        "markedUnread": row.marked_unread,
    }
    return settings_view(row.conversation_id, changes)


def group_now_over(view: View, *, shards: Shards) -> View:
    """Returns a group's view with the newer members and name from Redis. Its last seq stays the one of the messages
    that were read with it. With a newer seq, clients would take the next message for one that they already show.
    """
    with redis_errors_as_overloaded():
        now = group_now(shards.of(view["id"]), view["id"])
    if now is None:
        return view
    fresh = {name: value for name, value in view.items() if name not in conversations.INFO}
    of_redis = _of_redis(view["id"], now)
    fresh.pop("members", None)
    return {**fresh, **of_redis, "lastSeq": view["lastSeq"]}
