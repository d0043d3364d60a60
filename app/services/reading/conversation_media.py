"""The pictures, recordings, files and links of a conversation, as the messages that have them."""

from __future__ import annotations

import re
from typing import Literal

from app.core.answer_size import count_fitting
from app.core.errors import Invalid, NotFound
from app.core.message_view import View
from app.core.search import SearchFilter
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.check_member import WaitUntilStored, check_member
from app.services.reading.delivery_status import with_status
from app.services.reading.direct_cache import DirectCache
from app.services.reading.message_json import message_views
from app.services.reading.search_messages import search_messages
from app.store.conversations import get_one
from app.store.media_lists import MediaPage, messages_with_media
from app.store.replica import Open, StoreReads

LINK: Literal["link"] = "link"
KINDS = frozenset({"image", "video", "audio", "file"})
_SEQ = re.compile(r"[0-9]{1,16}", re.ASCII)
_FOUND_ONLY = ("snippet", "highlights")


class ConversationMedia:
    """May block. Raises NotFound for conversations that the user is not in, and Overloaded."""

    def __init__(
        self, *, store_reads: StoreReads, shards: Shards, directs: DirectCache, wait_until_stored: WaitUntilStored
    ) -> None:
        self._store_reads = store_reads
        self._shards = shards
        self._directs = directs
        self._wait_until_stored = wait_until_stored

    def page(self, user_id: int, conversation_id: int, kind: str, before: str, limit: int) -> View:
        """Returns ``{messages, hasMore, cursor?}``, newest first. ``before``: the cursor of the previous page, or
        empty.

        ``kind`` is ``link``, or kinds of media that are separated by commas. Links are found by a search. Raises
        Invalid for other kinds, and for a cursor of another list.
        """
        with redis_errors_as_overloaded():
            tail = read_tail(self._shards.of(conversation_id), [conversation_id])
        check_member(tail, user_id, conversation_id, wait_until_stored=self._wait_until_stored)
        if kind == LINK:
            return self._links(user_id, conversation_id, before, limit)
        kinds = set(kind.split(","))
        if not kinds <= KINDS:
            raise Invalid.field("kind", f"must be {LINK}, or some of {', '.join(sorted(KINDS))}")
        if before and _SEQ.fullmatch(before) is None:
            raise Invalid.field("before", "is not a cursor of this list")
        return self._media(user_id, conversation_id, kinds, int(before or 2**53), limit)

    def _media(self, user_id: int, conversation_id: int, kinds: set[str], before: int, limit: int) -> View:
        def work(open_: Open) -> tuple[MediaPage, list[View]]:
            with open_() as conn:
                if get_one(conn, user_id, conversation_id) is None:
                    raise NotFound
                place = {"user_id": user_id, "before": before, "limit": limit}
                page = messages_with_media(conn, conversation_id, kinds=sorted(kinds), **place)
                self._directs.load(conn, [conversation_id])
                views = message_views(conn, page.messages, user_id, directs=self._directs)
                return page, with_status(conn, views, user_id, directs=self._directs)

        page, views = self._store_reads.run(work)
        fitting = count_fitting(views)
        further = page.next if fitting == len(views) else page.messages[fitting - 1].seq
        answer: View = {"messages": views[:fitting], "hasMore": further is not None}
        if further is not None:
            answer["cursor"] = str(further)
        return answer

    def _links(self, user_id: int, conversation_id: int, cursor: str, limit: int) -> View:
        which = SearchFilter(conversation_id, has=(LINK,))
        found = search_messages(
            user_id, "", which, cursor or None, limit, store_reads=self._store_reads, directs=self._directs
        )
        plain = [{name: value for name, value in m.items() if name not in _FOUND_ONLY} for m in found["messages"]]
        return {**found, "messages": plain}
