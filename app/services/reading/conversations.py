"""Conversations as one member sees them: one of them, a page of them, the messages of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, Engine

from app.core.answer_size import count_fitting, first_fitting
from app.core.errors import Invalid, NotFound
from app.core.host_users import is_external_id
from app.core.kinds import MESSAGES, Kind, is_message_for
from app.core.message_view import View
from app.core.record_events import member_views
from app.core.records import Record
from app.core.times import rfc3339
from app.message_log.shards import Shards
from app.message_log.tails import Tail, read_tail, read_tails
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.check_member import WaitUntilStored, check_member, wait_for_arrivals
from app.services.reading.count_unread import by_conversation
from app.services.reading.delivery_status import received
from app.services.reading.direct_cache import DirectCache
from app.services.reading.drafts import draft_now, stored_draft_view
from app.services.reading.member_marks import marked, read_seq_now, with_own_mark
from app.services.reading.memberships import memberships_now
from app.services.reading.open_streams import show_open_streams
from app.services.reading.pending_changes import Messages
from app.services.reading.replay_groups import group_now_over, info_view, with_joined_seqs
from app.services.reading.settings_now import settings_now
from app.store import conversations as store
from app.store import groups, messages, unread
from app.store.conversations import ActivityCursor, ConversationSummary, JoinedMember
from app.store.engine import reading
from app.store.host_conversations import find_by_external_id
from app.store.replica import Open, StoreReads

LastMessages = dict[int, tuple[View, bool]]

_CURSOR = re.compile(r"(\d{1,18})-(\d{1,16})", re.ASCII)


class ConversationReader:
    """May block. All methods raise NotFound for conversations that the user is not in, and Overloaded."""

    def __init__(
        self,
        *,
        engine: Engine,
        store_reads: StoreReads,
        shards: Shards,
        directs: DirectCache,
        wait_until_stored: WaitUntilStored,
    ) -> None:
        self._engine = engine
        self._store_reads = store_reads
        self._shards = shards
        self._directs = directs
        self._wait_until_stored = wait_until_stored

    def show(self, user_id: int, conversation_id: int) -> View:
        tail = self._tail_of_member(user_id, conversation_id)
        with reading(self._engine) as connection:
            summary = store.get_one(connection, user_id, conversation_id)
            if summary is None:
                raise NotFound
            self._directs.load(connection, [conversation_id])
            (summary,) = settings_now(connection, user_id, [summary], tail.records)
            last = self._last_messages(connection, user_id, [summary], tail.records)
        view = self._view(user_id, summary, tail.records, last)
        if summary.kind == "group":
            view = with_joined_seqs(group_now_over(view, shards=self._shards), summary.members, tail)
        return with_own_mark(view, user_id, read_seq_now(user_id, summary, tail.records))

    def with_external_id(self, user_id: int, external_id: str) -> list[View]:
        """Returns the conversation to which the host gave this id, if the user is in it."""
        with reading(self._engine) as connection:
            found = find_by_external_id(connection, external_id) if is_external_id(external_id) else None
        if found is None:
            return []
        try:
            return [self.show(user_id, found.id)]
        except NotFound:
            return []

    def list_page(self, user_id: int, cursor: str | None, limit: int) -> View:
        """Returns ``{conversations, cursor?}``, newest activity first. Raises Invalid for a malformed cursor.

        A replica may answer for pages after the first one.
        """
        before = _decode(cursor) if cursor else None
        with redis_errors_as_overloaded():
            tails = read_tails(list(self._shards), [])
        members = None if tails.is_empty else memberships_now([user_id], engine=self._engine, shards=self._shards)
        records = members.tails.records if members is not None else []
        if members is not None and before is None:
            wait_for_arrivals(members.tails, user_id, wait_until_stored=self._wait_until_stored)

        def work(open_: Open) -> tuple[list[ConversationSummary], bool, list[ConversationSummary], LastMessages]:
            with open_() as connection:
                rows, more = store.list_page(connection, user_id, before=before, limit=limit)
                self._directs.load(connection, [row.id for row in rows])
                shown = [row for row in rows if members is None or row.id in members.of[user_id]]
                shown = settings_now(connection, user_id, shown, records)
                return rows, more, shown, self._last_messages(connection, user_id, shown, records)

        primary = partial(reading, self._engine)
        rows, more, shown, last = work(primary) if before is None else self._store_reads.run(work)
        grouped = by_conversation(records)
        views = [self._listed(user_id, row, grouped.get(row.id, []), last) for row in shown]
        fitting = count_fitting(views)
        if fitting < len(views):
            rows, views, more = rows[: _rows_up_to(rows, shown[fitting - 1].id)], views[:fitting], True
        page: View = {"conversations": sorted(views, key=_activity, reverse=True)}
        if more:
            page["cursor"] = f"{rows[-1].activity_us}-{rows[-1].id}"
        return page

    def history(self, user_id: int, conversation_id: int, before: int | None, after: int | None, limit: int) -> View:
        """Returns ``{messages, hasMore}``, ascending by seq. ``hasMore`` looks in the requested direction.

        A replica may answer.
        """
        tail = self._tail_of_member(user_id, conversation_id)

        def work(open_: Open) -> tuple[ConversationSummary, messages.Page, Messages]:
            with open_() as connection:
                summary = store.get_one(connection, user_id, conversation_id)
                if summary is None:
                    raise NotFound
                self._directs.load(connection, [conversation_id])
                page = messages.history(
                    connection, conversation_id, user_id=user_id, before=before, after=after, limit=limit
                )
                found = self._stored_messages(connection, user_id, page.messages, tail.records)
                newest = after is None or not page.has_more
                found.apply(r for r in tail.records if newest or r.kind not in MESSAGES)
                found.add_quotations(connection)
                return summary, page, found

        summary, page, found = self._store_reads.run(work)
        show_open_streams(self._shards, found.views.values())
        members = marked(summary.members, tail.records)
        for place, view in found.views.items():
            view.update(_received(view, summary, members, user_id, stored=found.is_stored(place)))
        ordered = found.between(before, after)
        shown = first_fitting(ordered, limit) if after is not None else first_fitting(ordered[::-1], limit)[::-1]
        return {"messages": shown, "hasMore": page.has_more or len(ordered) > len(shown)}

    def page_members(self, user_id: int, conversation_id: int, after: int, limit: int, name: str = "") -> View:
        """Returns ``{members, cursor?}`` by user id. With a name, only members whose names begin with it."""
        tail = self._tail_of_member(user_id, conversation_id)
        with reading(self._engine) as connection:
            if store.get_one(connection, user_id, conversation_id) is None:
                raise NotFound
            rows = groups.page_members(connection, conversation_id, after, limit + 1, name)
        page: View = {"members": member_views(marked(rows[:limit], tail.records))}
        if len(rows) > limit:
            page["cursor"] = str(rows[limit - 1].user_id)
        return page

    def _tail_of_member(self, user_id: int, conversation_id: int) -> Tail:
        with redis_errors_as_overloaded():
            tail = read_tail(self._shards.of(conversation_id), [conversation_id])
        check_member(tail, user_id, conversation_id, wait_until_stored=self._wait_until_stored)
        return tail

    def _listed(self, user_id: int, summary: ConversationSummary, tail: list[Record], last: LastMessages) -> View:
        """A list shows only the number of a group's members. Redis is read only for groups with pending changes."""
        view = self._view(user_id, summary, tail, last)
        if any(record.kind == Kind.GROUP_CHANGED for record in tail):
            view = group_now_over(view, shards=self._shards)
            view.pop("members", None)
        return view

    def _stored_messages(
        self, connection: Connection, user_id: int, rows: list[messages.StoredMessage], tail: list[Record]
    ) -> Messages:
        found = Messages(user_id)
        found.load(connection, rows, tail, directs=self._directs)
        found.mark_stored()
        return found

    def _last_messages(
        self, connection: Connection, user_id: int, summaries: list[ConversationSummary], tail: list[Record]
    ) -> LastMessages:
        """Returns conversation -> (its last message in its present state, whether that is stored)."""
        rows = [summary.last_message for summary in summaries if summary.last_message is not None]
        found = self._stored_messages(connection, user_id, rows, tail)
        found.apply(tail)
        found.add_quotations(connection)
        show_open_streams(self._shards, found.views.values())
        return {c: (view, found.is_stored((c, seq))) for (c, seq), view in sorted(found.views.items())}

    def _view(
        self,
        user_id: int,
        summary: ConversationSummary,
        tail: list[Record],
        last: LastMessages,
    ) -> View:
        members = marked(summary.members, tail)
        new = [r for r in tail if is_message_for(r, user_id) and r.seq > summary.last_seq]
        read_seq = read_seq_now(user_id, summary, tail)
        view: View = {
            "id": summary.id,
            "kind": summary.kind,
            **info_view(summary),
            "memberCount": summary.member_count,
            "lastSeq": new[-1].seq if new else summary.last_seq,
            "unread": self._unread(user_id, summary, read_seq, new),
            "mentions": summary.mentions if read_seq == summary.read_seq else 0,
            "archived": summary.archived,
            "pinned": summary.pinned_ms is not None,
            "updatedAt": rfc3339(new[-1].sent_ms if new else summary.activity_us // 1000),
        }
        if summary.muted_until_ms is not None:
            view["mutedUntil"] = rfc3339(summary.muted_until_ms)
            view["exceptMentions"] = summary.except_mentions
        if members and summary.member_count <= store.MEMBERS_SHOWN:
            view["members"] = member_views(members)
        if summary.marked_unread_seq is not None and summary.marked_unread_seq >= read_seq:
            view["markedUnread"] = True
        if draft := draft_now(user_id, summary.draft, tail):
            view["draft"] = stored_draft_view(draft)
        if summary.id in last:
            message, stored = last[summary.id]
            view["lastMessage"] = {**message, **_received(message, summary, members, user_id, stored=stored)}
        return view

    def _unread(self, user_id: int, summary: ConversationSummary, read_seq: int, new: list[Record]) -> int:
        stored = summary.unread
        if read_seq > summary.read_seq:
            with reading(self._engine) as connection:
                request = unread.UnreadRequest(user_id, summary.id, 1000)
                (page,) = unread.unread_messages(connection, [request], max_bytes=2**60)
            stored = sum(row.seq > read_seq for row in page.messages)
        return stored + sum(record.user_id != user_id and record.seq > read_seq for record in new)


def _rows_up_to(rows: Sequence[ConversationSummary], conversation_id: int) -> int:
    """Returns how many rows there are up to and including this conversation."""
    return next(n for n, row in enumerate(rows, 1) if row.id == conversation_id)


def _decode(cursor: str) -> ActivityCursor:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Invalid.field("cursor", "is not a cursor of this list")
    return ActivityCursor(int(match[1]), int(match[2]))


def _activity(view: View) -> tuple[str, int]:
    return view["updatedAt"], view["id"]


def _received(
    view: View, summary: ConversationSummary, members: list[JoinedMember], user_id: int, *, stored: bool
) -> View:
    known = members if summary.member_count <= len(members) else []
    return received(view, known, user_id, in_group=summary.kind == "group", stored=stored)
