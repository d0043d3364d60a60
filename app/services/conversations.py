"""Conversations as their members see them: the list, one, its history; with what is accepted but not stored yet."""

from __future__ import annotations

import re
from typing import Any

from app.core.errors import Invalid, NotFound
from app.core.records import Kind, Record
from app.core.times import rfc3339
from app.message_log.conversations import read_tail
from app.services.message_path import MessagePath, asking
from app.services.open_direct import open_direct
from app.services.views import accepted_message, stored_message
from app.store import conversations as store
from app.store import messages
from app.store.conversations import ActivityCursor, ConversationSummary, MemberState
from app.store.engine import reading

_CURSOR = re.compile(r"(\d{1,18})-(\d{1,16})", re.ASCII)


def create_direct(path: MessagePath, user_id: int, other_id: int) -> dict[str, Any]:
    """The one direct conversation of the two, opened where it was not. Raise NotFound for an unknown user."""
    return show(path, user_id, open_direct(path, user_id, other_id))


def show(path: MessagePath, user_id: int, conversation_id: int) -> dict[str, Any]:
    """Raise NotFound where the user is no member."""
    tail = asking(lambda: read_tail(path.redis, [conversation_id]))
    with reading(path.engine) as connection:
        summary = store.get_one(connection, user_id, conversation_id)
    if summary is None:
        raise NotFound
    return _view(path, user_id, summary, tail)


def list_page(path: MessagePath, user_id: int, cursor: str | None, limit: int) -> dict[str, Any]:
    """``{conversations, cursor?}``, newest activity first. Raise Invalid for a cursor that is none of ours."""
    before = _decode(cursor) if cursor else None
    with reading(path.engine) as connection:
        ids = store.conversation_ids_of(connection, user_id)
    tail = asking(lambda: read_tail(path.redis, ids))
    with reading(path.engine) as connection:
        rows, more = store.list_page(connection, user_id, before=before, limit=limit)
    by_conversation: dict[int, list[Record]] = {}
    for record in tail:
        by_conversation.setdefault(record.conversation_id, []).append(record)
    views = [_view(path, user_id, row, by_conversation.get(row.id, [])) for row in rows]
    page: dict[str, Any] = {"conversations": sorted(views, key=_activity, reverse=True)}
    if more:
        page["cursor"] = f"{rows[-1].activity_us}-{rows[-1].id}"
    return page


def history(
    path: MessagePath, user_id: int, conversation_id: int, before: int | None, after: int | None, limit: int
) -> dict[str, Any]:
    """``{messages, hasMore}``, ascending by seq; ``hasMore`` the way asked. Raise NotFound for a non-member."""
    tail = asking(lambda: read_tail(path.redis, [conversation_id]))
    with reading(path.engine) as connection:
        summary = store.get_one(connection, user_id, conversation_id)
        if summary is None:
            raise NotFound
        page = messages.history(connection, conversation_id, before=before, after=after, limit=limit)
    members = _members(summary, tail)
    views = {row.seq: _stored_view(path, row, members) for row in page.messages}
    newest = after is None or not page.has_more
    for record in tail if newest else []:
        if record.kind == Kind.MESSAGE and _within(record.seq, before, after):
            views.setdefault(record.seq, {**accepted_message(record), "status": "accepted", "reactions": []})
    ordered = [views[seq] for seq in sorted(views)]
    shown = ordered[:limit] if after is not None else ordered[-limit:]
    return {"messages": shown, "hasMore": page.has_more or len(ordered) > limit}


def _within(seq: int, before: int | None, after: int | None) -> bool:
    return (before is None or seq < before) and (after is None or seq > after)


def _decode(cursor: str) -> ActivityCursor:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Invalid.field("cursor", "not a cursor of this list")
    return ActivityCursor(int(match[1]), int(match[2]))


def _activity(view: dict[str, Any]) -> tuple[str, int]:
    return view["updatedAt"], view["id"]


def _view(path: MessagePath, user_id: int, summary: ConversationSummary, tail: list[Record]) -> dict[str, Any]:
    members = _members(summary, tail)
    new = [r for r in tail if r.kind == Kind.MESSAGE and r.seq > summary.last_seq]
    read_seq = max([summary.read_seq, *(r.seq for r in tail if r.kind == Kind.READ and r.user_id == user_id)])
    view: dict[str, Any] = {
        "id": summary.id,
        "kind": summary.kind,
        "memberCount": summary.member_count,
        "lastSeq": new[-1].seq if new else summary.last_seq,
        "unread": _unread(path, user_id, summary, read_seq, new),
        "mentions": 0,
        "updatedAt": rfc3339(new[-1].sent_ms if new else summary.activity_us // 1000),
    }
    if summary.name is not None:
        view["name"] = summary.name
    if summary.muted_until_ms is not None:
        view["mutedUntil"] = rfc3339(summary.muted_until_ms)
    if members:
        view["members"] = [
            {"userId": m.user_id, "role": m.role, "deliveredSeq": m.delivered_seq, "readSeq": m.read_seq}
            for m in members
        ]
    if new:
        view["lastMessage"] = {**accepted_message(new[-1]), "status": "accepted", "reactions": []}
    elif summary.last_message is not None:
        view["lastMessage"] = _stored_view(path, summary.last_message, members)
    return view


def _unread(path: MessagePath, user_id: int, summary: ConversationSummary, read_seq: int, new: list[Record]) -> int:
    stored = summary.unread
    if read_seq > summary.read_seq:
        with reading(path.engine) as connection:
            request = messages.UnreadRequest(user_id, summary.id, 1000)
            (page,) = messages.unread_messages(connection, [request])
        stored = sum(row.seq > read_seq for row in page.messages)
    return stored + sum(record.user_id != user_id and record.seq > read_seq for record in new)


def _members(summary: ConversationSummary, tail: list[Record]) -> list[MemberState]:
    """Members with their marks as they are, also where these are not stored yet."""
    marks: dict[int, tuple[int, int]] = {}
    for record in tail:
        if record.kind in (Kind.DELIVERED, Kind.READ):
            delivered, read = marks.get(record.user_id, (0, 0))
            read = max(read, record.seq) if record.kind == Kind.READ else read
            marks[record.user_id] = (max(delivered, record.seq), read)
    moved = []
    for member in summary.members:
        delivered, read = marks.get(member.user_id, (0, 0))
        moved.append(
            member._replace(delivered_seq=max(member.delivered_seq, delivered), read_seq=max(member.read_seq, read))
        )
    return moved


def _stored_view(path: MessagePath, row: messages.StoredMessage, members: list[MemberState]) -> dict[str, Any]:
    view = stored_message(row, path.directs.peer(row.conversation_id, row.sender_id))
    view["reactions"] = []
    view["status"] = _status(row, members)
    return view


def _status(row: messages.StoredMessage, members: list[MemberState]) -> str:
    """What became of a message: the least that any other member's marks say of it."""
    others = [m for m in members if m.user_id != row.sender_id]
    if others and all(m.read_seq >= row.seq for m in others):
        return "read"
    if others and all(m.delivered_seq >= row.seq for m in others):
        return "delivered"
    return "stored"
