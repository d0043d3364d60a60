"""The messages of others that users have not read, oldest first; fetching marks them delivered, never read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.errors import NotFound, ParleyError
from app.core.records import Kind, Record
from app.services.count_unread import by_conversation, is_unread, read_mark
from app.services.media_views import show_media
from app.services.memberships import Memberships, memberships_now
from app.services.message_overlay import Messages, Place, View
from app.services.message_path import Answer, MessagePath
from app.services.move_mark import note_delivered
from app.services.views import stored_message
from app.store import messages
from app.store.engine import reading
from app.store.messages import UnreadRequest

# Changes that are not stored yet and show in what is unread.
APPLIED = frozenset({Kind.EDITED, Kind.DELETED, Kind.HIDDEN, Kind.PINNED, Kind.REFRESHED})


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
        pages = messages.unread_messages(connection, requests)
        path.learn_directs(connection, {row.conversation_id for page in pages for row in page.messages})
        views = {_place(row): _view(path, row) for page in pages for row in page.messages}
        show_media(connection, views.values())
    return [_answer(path, request, page, views, members, tail) for request, page in zip(requests, pages, strict=True)]


def _answer(
    path: MessagePath,
    request: UnreadRequest,
    stored: messages.Page,
    views: dict[Place, View],
    members: Memberships,
    tail: dict[int, list[Record]],
) -> Answer | ParleyError:
    member_of = members.of[request.user_id]
    if request.conversation_id is not None:
        if request.conversation_id not in member_of:
            return NotFound()
        member_of = {request.conversation_id}
    read_now = {
        c: max(read_mark(tail[c], request.user_id), members.since.get((request.user_id, c), 0))
        for c in member_of & tail.keys()
    }
    found = Messages(request.user_id)
    for row in stored.messages:
        if row.conversation_id in member_of and row.seq > read_now.get(row.conversation_id, 0):
            found.put(dict(views[_place(row)]), row.version, row.created_version)
    for conversation_id, read_seq in read_now.items():
        found.apply(r for r in tail[conversation_id] if r.kind in APPLIED or is_unread(r, request.user_id, read_seq))
    ordered = [found.views[place] for place in sorted(found.views, key=found.created.__getitem__)]
    page = [view for view in ordered if "deletedAt" not in view][: request.limit]
    for view in page:
        view.pop("reactions", None)
    _mark_delivered(path, request.user_id, page)
    return {"messages": page, "hasMore": len(ordered) > request.limit or stored.has_more}


def _place(row: messages.StoredMessage) -> Place:
    return row.conversation_id, row.seq


def _view(path: MessagePath, row: messages.StoredMessage) -> View:
    return stored_message(row, path.directs.peer(row.conversation_id, row.sender_id))


def _mark_delivered(path: MessagePath, user_id: int, page: list[dict[str, Any]]) -> None:
    seqs: dict[int, int] = {}
    for view in page:
        seqs[view["conversationId"]] = max(view["seq"], seqs.get(view["conversationId"], 0))
    for conversation_id, seq in seqs.items():
        note_delivered(path, user_id, conversation_id, seq)
