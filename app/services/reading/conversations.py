"""Conversations as one member sees them: one, a page of them, the messages in one. May block; raise Overloaded."""

from __future__ import annotations

import re
from typing import Any

from app.core.errors import Invalid, NotFound
from app.core.kinds import MESSAGES, is_message_for
from app.core.message_view import View
from app.core.records import Kind, Record
from app.core.times import rfc3339
from app.message_log.conversations import Tail, read_tail
from app.redis_calls import asking
from app.services.messaging.message_path import MessagePath
from app.services.messaging.open_direct import open_direct
from app.services.reading.check_member import check_member, wait_for_arrivals
from app.services.reading.count_unread import by_conversation
from app.services.reading.delivery_status import received
from app.services.reading.memberships import memberships_now
from app.services.reading.message_json import message_views
from app.services.reading.pending_changes import Messages
from app.services.reading.replay_groups import group_now_over, info_view
from app.services.reading.settings_overlay import settings_over
from app.store import conversations as store
from app.store import groups, messages
from app.store.conversations import ActivityCursor, ConversationSummary, MemberState
from app.store.engine import reading

LastMessages = dict[int, tuple[View, bool]]

_CURSOR = re.compile(r"(\d{1,18})-(\d{1,16})", re.ASCII)


def create_direct(path: MessagePath, user_id: int, other_id: int) -> View:
    """The one direct conversation of the two, opened where it was not. Raise NotFound for an unknown user."""
    return show(path, user_id, open_direct(path, user_id, other_id))


def show(path: MessagePath, user_id: int, conversation_id: int) -> View:
    """Raise NotFound where the user is no member."""
    tail = _tail_of_member(path, user_id, conversation_id)
    with reading(path.engine) as connection:
        summary = store.get_one(connection, user_id, conversation_id)
        if summary is None:
            raise NotFound
        path.learn_directs(connection, [conversation_id])
        (summary,) = settings_over(connection, user_id, [summary], tail.records)
        last = _last_messages(path, connection, user_id, [summary], tail.records)
    view = _view(path, user_id, summary, tail.records, last)
    return group_now_over(path, view) if summary.kind == "group" else view


def list_page(path: MessagePath, user_id: int, cursor: str | None, limit: int) -> View:
    """``{conversations, cursor?}``, newest activity first. Raise Invalid for a cursor that is none of ours."""
    before = _decode(cursor) if cursor else None
    tail = asking(lambda: read_tail(path.redis, []))
    members = None if tail.is_empty else memberships_now(path, [user_id])
    records = members.tail.records if members is not None else []
    if members is not None and before is None:
        wait_for_arrivals(path, members.tail, user_id)
    with reading(path.engine) as connection:
        rows, more = store.list_page(connection, user_id, before=before, limit=limit)
        path.learn_directs(connection, [row.id for row in rows])
        shown = [row for row in rows if members is None or row.id in members.of[user_id]]
        shown = settings_over(connection, user_id, shown, records)
        last = _last_messages(path, connection, user_id, shown, records)
    grouped = by_conversation(records)
    views = [_listed(path, user_id, row, grouped.get(row.id, []), last) for row in shown]
    page: View = {"conversations": sorted(views, key=_activity, reverse=True)}
    if more:
        page["cursor"] = f"{rows[-1].activity_us}-{rows[-1].id}"
    return page


def history(
    path: MessagePath, user_id: int, conversation_id: int, before: int | None, after: int | None, limit: int
) -> View:
    """``{messages, hasMore}``, ascending by seq; ``hasMore`` the way asked. Raise NotFound for a non-member."""
    tail = _tail_of_member(path, user_id, conversation_id)
    with reading(path.engine) as connection:
        summary = store.get_one(connection, user_id, conversation_id)
        if summary is None:
            raise NotFound
        path.learn_directs(connection, [conversation_id])
        page = messages.history(connection, conversation_id, user_id=user_id, before=before, after=after, limit=limit)
        found = _stored_messages(path, connection, user_id, page.messages)
    newest = after is None or not page.has_more
    found.apply(r for r in tail.records if newest or r.kind not in MESSAGES)
    members = _members(summary, tail.records)
    views = {seq: view for (_, seq), view in found.views.items() if _within(seq, before, after)}
    for place, view in found.views.items():
        view.update(_received(view, summary, members, user_id, stored=found.is_stored(place)))
    ordered = [views[seq] for seq in sorted(views)]
    shown = ordered[:limit] if after is not None else ordered[-limit:]
    return {"messages": shown, "hasMore": page.has_more or len(ordered) > limit}


def page_members(path: MessagePath, user_id: int, conversation_id: int, after: int, limit: int) -> View:
    """``{members, cursor?}`` by user id. Raise NotFound for a non-member."""
    tail = _tail_of_member(path, user_id, conversation_id)
    with reading(path.engine) as connection:
        if store.get_one(connection, user_id, conversation_id) is None:
            raise NotFound
        rows = groups.page_members(connection, conversation_id, after, limit + 1)
    page: View = {"members": [_member_view(row) for row in _marked(rows[:limit], tail.records)]}
    if len(rows) > limit:
        page["cursor"] = str(rows[limit - 1].user_id)
    return page


def _tail_of_member(path: MessagePath, user_id: int, conversation_id: int) -> Tail:
    tail = asking(lambda: read_tail(path.redis, [conversation_id]))
    check_member(path, tail, user_id, conversation_id)
    return tail


def _within(seq: int, before: int | None, after: int | None) -> bool:
    return (before is None or seq < before) and (after is None or seq > after)


def _decode(cursor: str) -> ActivityCursor:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Invalid.field("cursor", "not a cursor of this list")
    return ActivityCursor(int(match[1]), int(match[2]))


def _listed(
    path: MessagePath, user_id: int, summary: ConversationSummary, tail: list[Record], last: LastMessages
) -> View:
    """In a list, a group's members are but a number. Redis is asked of what changed and is not stored yet alone."""
    view = _view(path, user_id, summary, tail, last)
    if any(record.kind == Kind.GROUP_CHANGED for record in tail):
        view = group_now_over(path, view)
        view.pop("members", None)
    return view


def _activity(view: View) -> tuple[str, int]:
    return view["updatedAt"], view["id"]


def _stored_messages(path: MessagePath, connection: Any, user_id: int, rows: list[messages.StoredMessage]) -> Messages:
    found = Messages(user_id)
    for row, view in zip(rows, message_views(path, connection, rows, user_id), strict=True):
        found.put(view, row.version, row.created_version)
    found.mark_stored()
    return found


def _last_messages(
    path: MessagePath, connection: Any, user_id: int, summaries: list[ConversationSummary], tail: list[Record]
) -> LastMessages:
    """conversation -> its last message as it now is, and whether it is stored."""
    rows = [summary.last_message for summary in summaries if summary.last_message is not None]
    found = _stored_messages(path, connection, user_id, rows)
    found.apply(tail)
    return {c: (view, found.is_stored((c, seq))) for (c, seq), view in sorted(found.views.items())}


def _view(
    path: MessagePath,
    user_id: int,
    summary: ConversationSummary,
    tail: list[Record],
    last: LastMessages,
) -> View:
    members = _members(summary, tail)
    new = [r for r in tail if is_message_for(r, user_id) and r.seq > summary.last_seq]
    read_seq = max([summary.read_seq, *(r.seq for r in tail if r.kind == Kind.READ and r.user_id == user_id)])
    view: View = {
        "id": summary.id,
        "kind": summary.kind,
        **info_view(summary),
        "memberCount": summary.member_count,
        "lastSeq": new[-1].seq if new else summary.last_seq,
        "unread": _unread(path, user_id, summary, read_seq, new),
        "mentions": summary.mentions if read_seq == summary.read_seq else 0,
        "archived": summary.archived,
        "pinned": summary.pinned_ms is not None,
        "updatedAt": rfc3339(new[-1].sent_ms if new else summary.activity_us // 1000),
    }
    if summary.muted_until_ms is not None:
        view["mutedUntil"] = rfc3339(summary.muted_until_ms)
        view["exceptMentions"] = summary.except_mentions
    if members and summary.member_count <= store.MEMBERS_SHOWN:
        view["members"] = [_member_view(member) for member in members]
    if summary.id in last:
        message, stored = last[summary.id]
        view["lastMessage"] = {**message, **_received(message, summary, members, user_id, stored=stored)}
    return view


def _member_view(member: MemberState) -> View:
    return {
        "userId": member.user_id,
        "role": member.role,
        "deliveredSeq": member.delivered_seq,
        "readSeq": member.read_seq,
    }


def _unread(path: MessagePath, user_id: int, summary: ConversationSummary, read_seq: int, new: list[Record]) -> int:
    stored = summary.unread
    if read_seq > summary.read_seq:
        with reading(path.engine) as connection:
            request = messages.UnreadRequest(user_id, summary.id, 1000)
            (page,) = messages.unread_messages(connection, [request])
        stored = sum(row.seq > read_seq for row in page.messages)
    return stored + sum(record.user_id != user_id and record.seq > read_seq for record in new)


def _members(summary: ConversationSummary, tail: list[Record]) -> list[MemberState]:
    return _marked(summary.members, tail)


def _marked(members: list[MemberState], tail: list[Record]) -> list[MemberState]:
    """Members with their marks as they are, also where these are not stored yet."""
    marks: dict[int, tuple[int, int]] = {}
    for record in tail:
        if record.kind in (Kind.DELIVERED, Kind.READ):
            delivered, read = marks.get(record.user_id, (0, 0))
            read = max(read, record.seq) if record.kind == Kind.READ else read
            marks[record.user_id] = (max(delivered, record.seq), read)
    moved = []
    for member in members:
        delivered, read = marks.get(member.user_id, (0, 0))
        moved.append(
            member._replace(delivered_seq=max(member.delivered_seq, delivered), read_seq=max(member.read_seq, read))
        )
    return moved


def _received(
    view: View, summary: ConversationSummary, members: list[MemberState], user_id: int, *, stored: bool
) -> View:
    known = members if summary.member_count <= len(members) else []
    return received(view, known, user_id, in_group=summary.kind == "group", stored=stored)
