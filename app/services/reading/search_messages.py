"""Full-text search in the user's own conversations."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Engine

from app.core.answer_size import count_fitting
from app.core.errors import Invalid, NotFound
from app.core.search import SearchFilter, read_snippet
from app.services.reading.delivery_status import with_status
from app.services.reading.direct_cache import DirectCache
from app.services.reading.message_json import message_views
from app.store import search as store
from app.store.engine import reading
from app.store.search import Found, SearchCursor

_CURSOR = re.compile(r"(\d{1,15})-(\d{1,16})-(\d{1,16})", re.ASCII)


def search_messages(
    user_id: int,
    words: str,
    which: SearchFilter,
    cursor: str | None,
    limit: int,
    *,
    engine: Engine,
    directs: DirectCache,
) -> dict[str, Any]:
    """Returns ``{messages, hasMore, cursor?}``, newest first. May block.

    Raises Invalid if ``words`` holds no word that must be found or the cursor is not valid, and NotFound if ``which``
    names a conversation that the user is not in.
    """
    before = _decode(cursor) if cursor else None
    with reading(engine) as connection:
        if not store.is_searchable(connection, words):
            raise Invalid.field("q", "contains no word to search for")
        conversations = store.searched_conversations(connection, user_id, which.conversation_id)
        if which.conversation_id is not None and not conversations:
            raise NotFound
        if not conversations:
            return {"messages": [], "hasMore": False}
        found, more = store.search(connection, user_id, words, conversations, which, before=before, limit=limit)
        directs.load(connection, {hit.message.conversation_id for hit in found})
        views = message_views(connection, [hit.message for hit in found], user_id, directs=directs)
        views = with_status(connection, views, user_id, directs=directs)
    hits = list(map(_with_snippet, views, found))
    fitting = count_fitting(hits)
    page: dict[str, Any] = {"messages": hits[:fitting], "hasMore": more or fitting < len(hits)}
    if page["hasMore"]:
        last = found[fitting - 1].message
        page["cursor"] = f"{last.sent_ms}-{last.conversation_id}-{last.seq}"
    return page


def _with_snippet(view: dict[str, Any], hit: Found) -> dict[str, Any]:
    snippet, highlights = read_snippet(hit.marked)
    return {**view, "snippet": snippet, "highlights": highlights}


def _decode(cursor: str) -> SearchCursor:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Invalid.field("cursor", "is not a cursor of this search")
    return SearchCursor(int(match[1]), int(match[2]), int(match[3]))
