"""The messages of others that users have not read, oldest first; fetching marks them delivered, never read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.core.errors import NotFound, ParleyError
from app.core.kinds import MESSAGES
from app.core.message_view import View
from app.core.records import Record
from app.services.messaging.message_path import Answer, MessagePath
from app.services.messaging.move_mark import note_delivered
from app.services.reading.count_unread import by_conversation, is_unread, read_mark
from app.services.reading.delivery_status import unread_status
from app.services.reading.media_json import show_media
from app.services.reading.memberships import Memberships, memberships_now
from app.services.reading.message_json import stored_message
from app.services.reading.pending_changes import Messages, Place
from app.store.engine import reading
from app.store.message_life import Reacted, reactions_for
from app.store.messages import Page, StoredMessage, UnreadRequest, unread_messages
from app.store.receipts import furthest_behind

Behind = dict[int, list[tuple[int, int]]]


class Found(NamedTuple):
    """Of all requests together. ``behind``: the members to whom least was delivered (``unread_status``)."""

    views: dict[Place, View]
    reactions: dict[Place, list[Reacted]]
    behind: Behind
    members: Memberships
    tail: dict[int, list[Record]]


def fetch_unread(path: MessagePath, requests: Sequence[UnreadRequest]) -> list[Answer | ParleyError]:
    """``{messages, hasMore}`` for each request; accepted messages that are not stored yet included. May block.

    NotFound stands in for the answer where a user is no member of the conversation asked for. Raise Overloaded where a
    store does not answer. Many requests take as many queries as one, for storms of clients that come back.
    """
    asked_of = {request.conversation_id for request in requests}
    only = asked_of.pop() if len(asked_of) == 1 else None
    members = memberships_now(path, [request.user_id for request in requests], only)
    tail = by_conversation(members.tail.records)
    with reading(path.engine) as connection:
        pages = unread_messages(connection, requests)
        path.learn_directs(connection, {row.conversation_id for page in pages for row in page.messages})
        rows = {_place(row): row for page in pages for row in page.messages}
        views = {place: _view(path, row) for place, row in rows.items()}
        show_media(connection, views.values())
        reactions = _reactions(connection, rows, requests)
        behind = _behind(path, connection, {conversation_id for conversation_id, _ in rows})
    found = Found(views, reactions, behind, members, tail)
    return [_answer(path, request, page, found) for request, page in zip(requests, pages, strict=True)]


def _reactions(
    connection: Connection, rows: dict[Place, StoredMessage], requests: Sequence[UnreadRequest]
) -> dict[Place, list[Reacted]]:
    """A message that nothing became of has none: of most, Postgres is not asked."""
    changed = [place for place, row in rows.items() if row.version > row.created_version]
    return reactions_for(connection, changed, {request.user_id for request in requests}) if changed else {}


def _behind(path: MessagePath, connection: Connection, conversation_ids: set[int]) -> Behind:
    """Of direct conversations Postgres is not asked: there is nobody but the sender and the one who fetches."""
    groups = [c for c in conversation_ids if not path.directs.is_direct(c)]
    found = furthest_behind(connection, groups) if groups else {}
    return found | {c: [] for c in conversation_ids if path.directs.is_direct(c)}


def _answer(path: MessagePath, request: UnreadRequest, stored: Page, found: Found) -> Answer | ParleyError:
    user_id, member_of = request.user_id, found.members.of[request.user_id]
    if request.conversation_id is not None:
        if request.conversation_id not in member_of:
            return NotFound()
        member_of = {request.conversation_id}
    unread = _unread(user_id, member_of, stored, found)
    ordered = sorted(unread.views, key=unread.created.__getitem__)
    shown = [place for place in ordered if "deletedAt" not in unread.views[place]][: request.limit]
    page = [unread.views[place] for place in shown]
    for place, view in zip(shown, page, strict=True):
        behind = found.behind.get(view["conversationId"])
        view["status"] = unread_status(view, user_id, behind, stored=unread.is_stored(place))
    _mark_delivered(path, user_id, page)
    return {"messages": page, "hasMore": len(ordered) > request.limit or stored.has_more}


def _unread(user_id: int, member_of: set[int], stored: Page, found: Found) -> Messages:
    """What is stored, and over it what is not."""
    tail, since = found.tail, found.members.since
    read_now = {c: max(read_mark(tail[c], user_id), since.get((user_id, c), 0)) for c in member_of & tail.keys()}
    unread = Messages(user_id)
    for row in stored.messages:
        if row.conversation_id in member_of and row.seq > read_now.get(row.conversation_id, 0):
            place = _place(row)
            view = {**found.views[place], "reactions": []}
            if place in found.reactions:
                view["reactions"] = [reacted.seen_by(user_id) for reacted in found.reactions[place]]
            unread.put(view, row.version, row.created_version)
    unread.mark_stored()
    for conversation_id, read_seq in read_now.items():
        unread.apply(r for r in tail[conversation_id] if r.kind not in MESSAGES or is_unread(r, user_id, read_seq))
    return unread


def _place(row: StoredMessage) -> Place:
    return row.conversation_id, row.seq


def _view(path: MessagePath, row: StoredMessage) -> View:
    return stored_message(row, path.directs.peer(row.conversation_id, row.sender_id))


def _mark_delivered(path: MessagePath, user_id: int, page: list[dict[str, Any]]) -> None:
    seqs: dict[int, int] = {}
    for view in page:
        seqs[view["conversationId"]] = max(view["seq"], seqs.get(view["conversationId"], 0))
    for conversation_id, seq in seqs.items():
        note_delivered(path, user_id, conversation_id, seq)
