"""Reads data about messages: their receipts, their earlier texts, and the pins of a conversation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from app.core.answer_size import count_fitting
from app.core.errors import Forbidden, NotFound
from app.core.times import rfc3339
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.check_member import WaitUntilStored, check_member
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.delivery_status import with_status
from app.services.reading.direct_cache import DirectCache
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_json import message_views
from app.services.reading.open_streams import show_open_streams
from app.store import message_life, message_receipts
from app.store.conversations import get_one
from app.store.engine import reading
from app.store.messages import StoredMessage
from app.store.replica import Open, StoreReads

View = dict[str, Any]
EDITS_SHOWN = 100  # per answer


class MessageQueries:
    """May block. All methods raise NotFound if the user does not see the message or conversation, and Overloaded."""

    def __init__(
        self,
        *,
        engine: Engine,
        store_reads: StoreReads,
        shards: Shards,
        directs: DirectCache,
        conversations: ConversationCache,
        messages: MessageFinder,
        wait_until_stored: WaitUntilStored,
    ) -> None:
        self._engine = engine
        self._store_reads = store_reads
        self._shards = shards
        self._directs = directs
        self._conversations = conversations
        self._messages = messages
        self._wait_until_stored = wait_until_stored

    def receipts_of(self, user_id: int, message_id: str, conversation_id: int | None, after: int, limit: int) -> View:
        """Returns how many members have received the message and have read it, and a page of them by user id.

        Reads Postgres only: a mark that moved a moment ago may be missing.
        """
        view = self._messages.find(user_id, message_id, conversation_id)
        with reading(self._engine) as connection:
            found = message_receipts.receipts_of(
                connection, view["conversationId"], view["seq"], after=after, limit=limit + 1
            )
        answer: View = {
            "id": view["id"],
            "conversationId": view["conversationId"],
            "seq": view["seq"],
            "delivered": found.delivered,
            "read": found.read,
            "members": [{"userId": m.user_id, "delivered": m.delivered, "read": m.read} for m in found.members[:limit]],
        }
        if len(found.members) > limit:
            answer["cursor"] = str(found.members[limit - 1].user_id)
        return answer

    def edits_of(self, user_id: int, message_id: str, conversation_id: int | None, before: int) -> View:
        """Returns a page of the texts that edits replaced before the version ``before``: the newest of them, oldest
        first. Raises Forbidden for everybody except the author and admins.
        """
        view = self._messages.find_present(user_id, message_id, conversation_id)
        if view["senderId"] != user_id and not self._is_admin(view["conversationId"], user_id):
            raise Forbidden("Only the author and admins may see earlier texts of a message.")
        with reading(self._engine) as connection:
            place = view["conversationId"], view["seq"]
            edits = message_life.edits_of(connection, *place, before=before, limit=EDITS_SHOWN + 1)
        newest_first = [{"message": e.body, "editedAt": rfc3339(e.replaced_ms)} for e in edits[:EDITS_SHOWN]]
        fitting = count_fitting(newest_first)
        answer: View = {"edits": newest_first[:fitting][::-1], "hasMore": fitting < len(edits)}
        if answer["hasMore"]:
            answer["cursor"] = str(edits[fitting - 1].version)
        return answer

    def pins_of(self, user_id: int, conversation_id: int, before: str = "") -> View:
        """Returns the pinned messages of a conversation, last pinned first, after the page that ended with the cursor
        ``before``.
        """
        with redis_errors_as_overloaded():
            tail = read_tail(self._shards.of(conversation_id), [conversation_id])
        check_member(tail, user_id, conversation_id, wait_until_stored=self._wait_until_stored)
        with reading(self._engine) as connection:
            if get_one(connection, user_id, conversation_id) is None:
                raise NotFound
            rows = [
                row
                for row in message_life.pins_of(connection, conversation_id, user_id)
                if not before or _pin_order(row) < tuple(map(int, before.split("-")))
            ]
            self._directs.load(connection, [conversation_id])
            views = message_views(connection, rows, user_id, directs=self._directs)
            views = with_status(connection, views, user_id, directs=self._directs)
        show_open_streams(self._shards, views)
        fitting = count_fitting(views)
        answer: View = {"messages": views[:fitting], "hasMore": fitting < len(views)}
        if answer["hasMore"]:
            answer["cursor"] = "{}-{}".format(*_pin_order(rows[fitting - 1]))
        return answer

    def starred(self, user_id: int, before: int, limit: int) -> View:
        """Returns a page of the messages that the user starred before the version ``before``, last starred first.

        A replica may answer.
        """

        def work(open_: Open) -> tuple[list[tuple[int, StoredMessage]], list[View]]:
            with open_() as connection:
                rows = message_life.starred_by(connection, user_id, before, limit + 1)
                page = [row for _, row in rows[:limit]]
                self._directs.load(connection, {row.conversation_id for row in page})
                views = message_views(connection, page, user_id, directs=self._directs)
                return rows, with_status(connection, views, user_id, directs=self._directs)

        rows, views = self._store_reads.run(work)
        show_open_streams(self._shards, views)
        fitting = count_fitting(views)
        while 1 < fitting < len(rows) and rows[fitting][0] == rows[fitting - 1][0]:
            fitting -= 1  # the next page begins below this version, which two shards may use
        answer: View = {"messages": views[:fitting], "hasMore": len(rows) > fitting}
        if answer["hasMore"]:
            answer["cursor"] = str(rows[fitting - 1][0])
        return answer

    def _is_admin(self, conversation_id: int, user_id: int) -> bool:
        return self._conversations.role_of(conversation_id, user_id) in ("owner", "admin")


def _pin_order(row: StoredMessage) -> tuple[int, int]:
    return row.pinned_ms or 0, row.seq
