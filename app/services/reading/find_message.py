"""The message that a command names by its id, as the user sees it now."""

from __future__ import annotations

from app.core.errors import Invalid, NotFound
from app.core.message_view import View
from app.services.messaging.message_path import MessagePath
from app.services.reading.memberships import memberships_now
from app.services.reading.message_json import message_views
from app.services.reading.pending_changes import Messages
from app.store import message_life
from app.store.engine import reading


def find_message(path: MessagePath, user_id: int, message_id: str, conversation_id: int | None = None) -> View:
    """May block. Raise NotFound where the user sees no such message, Overloaded where a store does not answer.

    An id is unique within a conversation. Where the user sees several with it, Invalid: they must say which.
    """
    message_id = message_id.lower()
    members = memberships_now(path, [user_id], conversation_id)
    mine = members.of[user_id]
    found = Messages(user_id)
    with reading(path.engine) as connection:
        rows = message_life.locate(connection, user_id, message_id, conversation_id)
        path.learn_directs(connection, {row.conversation_id for row in rows})
        for row, view in zip(rows, message_views(path, connection, rows, user_id), strict=True):
            found.put(view, row.version, row.created_version)
    found.apply(record for record in members.tail.records if record.id == message_id)
    views = [view for (c, seq), view in found.views.items() if c in mine and seq >= members.since.get((user_id, c), 0)]
    if not views:
        raise NotFound
    if len(views) > 1:
        raise Invalid.field("conversationId", "several conversations have a message of this id: name one")
    return views[0]


def find_present(path: MessagePath, user_id: int, message_id: str, conversation_id: int | None = None) -> View:
    """The same. Raise NotFound also where it was deleted."""
    view = find_message(path, user_id, message_id, conversation_id)
    if "deletedAt" in view:
        raise NotFound
    return view
