"""Find messages by their words, in one's own conversations."""

from __future__ import annotations

import re
from typing import Any

from app.core.errors import Invalid, NotFound
from app.core.search import SearchFilter, read_snippet
from app.services.messaging.message_path import MessagePath
from app.services.reading.delivery_status import with_status
from app.services.reading.message_json import message_views
from app.store import search as store
from app.store.engine import reading
from app.store.search import Found, SearchCursor

_CURSOR = re.compile(r"(\d{1,15})-(\d{1,16})-(\d{1,16})", re.ASCII)


def search_messages(
    path: MessagePath, user_id: int, words: str, which: SearchFilter, cursor: str | None, limit: int
) -> dict[str, Any]:
    """``{messages, hasMore, cursor?}``, newest first. May block.

    Raise Invalid where ``words`` holds none that must be found or the cursor is none of ours, NotFound where
    ``which`` names a conversation that the user is not in.
    """
    before = _decode(cursor) if cursor else None
    with reading(path.engine) as connection:
        if not store.is_searchable(connection, words):
            raise Invalid.field("q", "holds no word to look for")
        conversations = store.searched_conversations(connection, user_id, which.conversation_id)
        if which.conversation_id is not None and not conversations:
            raise NotFound
        if not conversations:
            return {"messages": [], "hasMore": False}
        found, more = store.search(connection, user_id, words, conversations, which, before=before, limit=limit)
        path.learn_directs(connection, {hit.message.conversation_id for hit in found})
        views = message_views(path, connection, [hit.message for hit in found], user_id)
        views = with_status(path, connection, views, user_id)
    page: dict[str, Any] = {"messages": list(map(_with_snippet, views, found)), "hasMore": more}
    if more:
        last = found[-1].message
        page["cursor"] = f"{last.sent_ms}-{last.conversation_id}-{last.seq}"
    return page


def _with_snippet(view: dict[str, Any], hit: Found) -> dict[str, Any]:
    snippet, highlights = read_snippet(hit.marked)
    return {**view, "snippet": snippet, "highlights": highlights}


def _decode(cursor: str) -> SearchCursor:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Invalid.field("cursor", "not a cursor of this search")
    return SearchCursor(int(match[1]), int(match[2]), int(match[3]))
