"""Full-text search in the user's own conversations."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from app.core.answer_size import count_fitting
from app.core.errors import Invalid, NotFound
from app.core.search import SearchFilter
from app.core.search_lexemes import by_sender, has_kind, in_conversation, tsquery_of
from app.core.search_query import Query, parse
from app.core.search_snippets import snippet_of
from app.services.reading.delivery_status import with_status
from app.services.reading.direct_cache import DirectCache
from app.services.reading.message_json import message_views
from app.services.reading.search_walk import Hit, SearchWalk
from app.store import search as store
from app.store.replica import Open, StoreReads
from app.store.search import BEFORE_ALL, Position

# If a user has at most this many conversations, the index reads only their entries. With more conversations, it is
# cheaper to read all messages with the words.
FEW_CONVERSATIONS = 8
# No page takes longer, except for one look-up in the index (docs/decisions/search.md).
BUDGET_SECONDS = 0.06
_CURSOR = re.compile(r"(-?\d{1,10})\.(\d{1,19})\.(\d{1,19})\.(\d{1,19})", re.ASCII)


def search_messages(
    user_id: int,
    words: str,
    which: SearchFilter,
    cursor: str | None,
    limit: int,
    *,
    store_reads: StoreReads,
    directs: DirectCache,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Returns ``{messages, hasMore, cursor?}``, newest first. May block.

    Looks for a bounded time: a page may be partial, or even empty, and have a cursor from which the search goes on.
    Raises Invalid if there is no word that must be found and no filter, or if the cursor is not valid, and NotFound if
    ``which`` names a conversation that the user is not in.
    """
    query = parse(words)
    if not query.required and (words.strip() or not which.is_selective):
        raise Invalid.field("q", "contains no word to search for")
    before = _decode(cursor) if cursor else BEFORE_ALL

    def work(open_: Open) -> tuple[list[Hit], Position | None, list[dict[str, Any]]]:
        with open_() as connection:
            deadline = clock() + BUDGET_SECONDS
            mine = store.searched_conversations(connection, user_id, which.conversation_id, FEW_CONVERSATIONS + 1)
            if not mine and which.conversation_id is not None:
                raise NotFound
            if not mine:
                return [], None, []
            tsquery = _tsquery(query, which, mine)
            walk = SearchWalk(connection, user_id, query, tsquery, which, lambda: deadline - clock())
            found, rest = walk.collect(before, limit)
            return found, rest, _shown(connection, query, found, user_id, directs)

    found, rest, hits = store_reads.run(work)
    fitting = count_fitting(hits)
    if fitting < len(hits):
        rest = found[fitting - 1].position
    page: dict[str, Any] = {"messages": hits[:fitting], "hasMore": rest is not None}
    if rest is not None:
        page["cursor"] = ".".join(map(str, rest))
    return page


def _tsquery(query: Query, which: SearchFilter, conversations: list[int]) -> str:
    markers = [[has_kind(kind)] for kind in which.has]
    if which.sender_id is not None:
        markers.append([by_sender(which.sender_id)])
    if len(conversations) <= FEW_CONVERSATIONS:
        markers.append([in_conversation(conversation) for conversation in conversations])
    return tsquery_of(query, markers)


def _shown(
    connection: Connection, query: Query, found: list[Hit], user_id: int, directs: DirectCache
) -> list[dict[str, Any]]:
    directs.load(connection, {hit.message.conversation_id for hit in found})
    views = message_views(connection, [hit.message for hit in found], user_id, directs=directs)
    views = with_status(connection, views, user_id, directs=directs)
    return [_with_snippet(view, query, hit) for view, hit in zip(views, found, strict=True)]


def _with_snippet(view: dict[str, Any], query: Query, hit: Hit) -> dict[str, Any]:
    snippet = snippet_of(query, hit.message.body or "", hit.files.names)
    return {**view, "snippet": snippet.text, "highlights": snippet.highlights}


def _decode(cursor: str) -> Position:
    match = _CURSOR.fullmatch(cursor)
    if match is None or any(int(part) >= 2**63 for part in match.groups()):
        raise Invalid.field("cursor", "is not a cursor of this search")
    return Position(*(int(part) for part in match.groups()))
