"""Unread messages of others, oldest first. Fetching them marks them delivered, never read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from app.core.answer_size import count_fitting
from app.core.errors import NotFound, Overloaded, ParleyError
from app.core.kinds import MESSAGES
from app.core.message_view import View
from app.core.records import Record
from app.message_log.shards import Shard, Shards
from app.services.reading.count_unread import by_conversation, is_unread, read_mark
from app.services.reading.delivery_status import unread_status
from app.services.reading.direct_cache import DirectCache
from app.services.reading.media_json import show_media
from app.services.reading.memberships import Memberships, memberships_now
from app.services.reading.message_json import stored_message
from app.services.reading.open_streams import show_open_streams
from app.services.reading.pending_changes import Messages, Place, reactors_in
from app.services.reading.quotations import add_quotations
from app.store.engine import reading
from app.store.message_life import Details, details_for
from app.store.messages import Page, StoredMessage
from app.store.receipts import furthest_behind
from app.store.unread import UnreadRequest, unread_messages

Behind = dict[int, list[tuple[int, int]]]
# Called with (user, conversation, seq). Must not block.
MarkDelivered = Callable[[int, int, int], None]


class Found(NamedTuple):
    """The reads for all requests of a batch. ``behind`` holds the members with the lowest delivered marks
    (``unread_status``).
    """

    views: dict[Place, View]
    details: Details
    behind: Behind
    members: Memberships
    tail: dict[int, list[Record]]


class UnreadFetcher:
    """Answers many requests with as many queries as a single one needs, because clients return in storms."""

    def __init__(self, *, engine: Engine, shards: Shards, directs: DirectCache, mark_delivered: MarkDelivered) -> None:
        self._engine = engine
        self._shards = shards
        self._directs = directs
        self._mark_delivered = mark_delivered

    def fetch(self, requests: Sequence[UnreadRequest]) -> list[dict[str, Any] | ParleyError]:
        """Returns ``{messages, hasMore}`` for each request, including accepted messages that are not stored yet. May
        block. Raises Overloaded if a store does not answer.

        The answer is a NotFound if the user is not a member of the requested conversation. Requests of one conversation
        are answered if its shard answers; the answer to the others is then an Overloaded.
        """
        if len(self._shards) == 1:
            return self._fetch(requests, None)
        answers: dict[int, dict[str, Any] | ParleyError] = {}
        for shard, places in self._by_shard(requests):
            try:
                found: Sequence[dict[str, Any] | ParleyError] = self._fetch([requests[n] for n in places], shard)
            except Overloaded as error:
                found = [error] * len(places)
            answers.update(zip(places, found, strict=True))
        return [answers[n] for n in range(len(requests))]

    def _by_shard(self, requests: Sequence[UnreadRequest]) -> Iterator[tuple[Shard | None, list[int]]]:
        """Yields the places of requests that need one shard, and with None of those that need all."""
        of = [None if r.conversation_id is None else self._shards.of(r.conversation_id) for r in requests]
        for shard in (None, *self._shards):
            places = [n for n, one in enumerate(of) if one is shard]
            if places:
                yield shard, places

    def _fetch(self, requests: Sequence[UnreadRequest], shard: Shard | None) -> list[dict[str, Any] | ParleyError]:
        requested = {request.conversation_id for request in requests}
        only = requested.pop() if len(requested) == 1 else None
        user_ids = [request.user_id for request in requests]
        members = memberships_now(user_ids, only, engine=self._engine, shards=self._shards, shard=shard)
        tail = by_conversation(members.tails.records)
        with reading(self._engine) as connection:
            pages = unread_messages(connection, requests, admitted=members.tails.admitted(user_ids))
            self._directs.load(connection, {row.conversation_id for page in pages for row in page.messages})
            rows = {row.place: row for page in pages for row in page.messages}
            views = {place: self._view(row) for place, row in rows.items()}
            show_media(connection, views.values())
            details = _details(connection, rows, requests, members.tails.records)
            behind = self._behind(connection, {conversation_id for conversation_id, _ in rows})
        found = Found(views, details, behind, members, tail)
        answers = [self._answer(request, page, found) for request, page in zip(requests, pages, strict=True)]
        self._add_quotations(requests, answers, members.since)
        for request, answer in zip(requests, answers, strict=True):
            if not isinstance(answer, ParleyError):
                _bound(answer)
                self._mark_page_delivered(request.user_id, answer["messages"])
        return answers

    def _add_quotations(
        self,
        requests: Sequence[UnreadRequest],
        answers: Sequence[dict[str, Any] | ParleyError],
        pending: Mapping[tuple[int, int], int],
    ) -> None:
        replies = [
            (request.user_id, view)
            for request, answer in zip(requests, answers, strict=True)
            if not isinstance(answer, ParleyError)
            for view in answer["messages"]
            if "replyTo" in view
        ]
        if replies:
            with reading(self._engine) as connection:
                add_quotations(connection, replies, pending=pending)

    def _view(self, row: StoredMessage) -> View:
        return stored_message(row, self._directs.peer(row.conversation_id, row.sender_id))

    def _behind(self, connection: Connection, conversation_ids: set[int]) -> Behind:
        """Reads the lowest marks of groups. Direct conversations need no query: their only members are the sender and
        the user who fetches.
        """
        groups = [c for c in conversation_ids if not self._directs.is_direct(c)]
        found = furthest_behind(connection, groups) if groups else {}
        return found | {c: [] for c in conversation_ids if self._directs.is_direct(c)}

    def _answer(self, request: UnreadRequest, stored: Page, found: Found) -> dict[str, Any] | ParleyError:
        user_id, member_of = request.user_id, found.members.of[request.user_id]
        if request.conversation_id is not None:
            if request.conversation_id not in member_of:
                return NotFound()
            member_of = {request.conversation_id}
        unread = _unread(user_id, member_of, stored, found)
        ordered = sorted(unread.views, key=unread.created.__getitem__)
        shown = [place for place in ordered if "deletedAt" not in unread.views[place]][: request.limit]
        page = [unread.views[place] for place in shown]
        show_open_streams(self._shards, page)
        for place, view in zip(shown, page, strict=True):
            behind = found.behind.get(view["conversationId"])
            view["status"] = unread_status(view, user_id, behind, stored=unread.is_stored(place))
        return {"messages": page, "hasMore": len(ordered) > request.limit or stored.has_more}

    def _mark_page_delivered(self, user_id: int, page: list[dict[str, Any]]) -> None:
        seqs: dict[int, int] = {}
        for view in page:
            seqs[view["conversationId"]] = max(view["seq"], seqs.get(view["conversationId"], 0))
        for conversation_id, seq in seqs.items():
            self._mark_delivered(user_id, conversation_id, seq)


def _bound(answer: dict[str, Any]) -> None:
    """Shortens an answer of long messages so that it fits into one frame."""
    page = answer["messages"]
    fitting = count_fitting(page)
    if fitting < len(page):
        answer.update(messages=page[:fitting], hasMore=True)


def _details(
    connection: Connection,
    rows: dict[Place, StoredMessage],
    requests: Sequence[UnreadRequest],
    tail: Sequence[Record],
) -> Details:
    """Reads reactions only for messages that changed since they were sent: the others, nearly all, have none."""
    changed = [place for place, row in rows.items() if row.version > row.created_version]
    viewers = {request.user_id for request in requests}
    return details_for(connection, rows, viewers, reacted=changed, reactors=reactors_in(tail))


def _unread(user_id: int, member_of: set[int], stored: Page, found: Found) -> Messages:
    """Returns the user's unread messages: the stored ones, with pending changes applied."""
    tail, since = found.tail, found.members.since
    read_now = {c: max(read_mark(tail[c], user_id), since.get((user_id, c), 0)) for c in member_of & tail.keys()}
    unread = Messages(user_id)
    for row in stored.messages:
        if row.conversation_id in member_of and row.seq > read_now.get(row.conversation_id, 0):
            view = found.details.show(dict(found.views[row.place]), user_id, row.place)
            unread.put_row(row, view, found.details)
    unread.mark_stored()
    for conversation_id, read_seq in read_now.items():
        unread.apply(r for r in tail[conversation_id] if r.kind not in MESSAGES or is_unread(r, user_id, read_seq))
    return unread
