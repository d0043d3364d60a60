"""The history around one message, or around a moment: for links to a message and for jumps to a date."""

from __future__ import annotations

from operator import itemgetter

from app.core.answer_size import count_fitting
from app.core.errors import NotFound
from app.core.ids import UUID
from app.core.message_view import View
from app.services.reading.conversations import ConversationReader
from app.services.reading.find_message import MessageFinder
from app.store.message_times import seq_at
from app.store.replica import Open, StoreReads

END_OF_TIME_MS = 4_102_444_800_000  # the year 2100


class AroundReader:
    """May block. All methods raise NotFound for conversations that the user is not in, and Overloaded."""

    def __init__(self, *, store_reads: StoreReads, conversations: ConversationReader, messages: MessageFinder) -> None:
        self._store_reads = store_reads
        self._conversations = conversations
        self._messages = messages

    def around_message(self, user_id: int, conversation_id: int, message: str, limit: int) -> View:
        """``message`` is the seq or the id of a message. Raises NotFound if the user does not see it."""
        seq = self._seq_of(user_id, conversation_id, message)
        page = self._around(user_id, conversation_id, seq, limit)
        if page.get("seq") != seq:
            raise NotFound
        return page

    def around_time(self, user_id: int, conversation_id: int, at_ms: int, limit: int) -> View:
        """The answer's ``seq`` is the first message since then, or the last one. It is absent if there is none."""

        def work(open_: Open) -> int:
            with open_() as connection:
                return seq_at(connection, conversation_id, user_id, min(max(at_ms, 0), END_OF_TIME_MS))

        return self._around(user_id, conversation_id, self._store_reads.run(work), limit)

    def _seq_of(self, user_id: int, conversation_id: int, message: str) -> int:
        if UUID.fullmatch(message) is None:
            return int(message)
        return int(self._messages.find(user_id, message, conversation_id)["seq"])

    def _around(self, user_id: int, conversation_id: int, seq: int, limit: int) -> View:
        """Returns ``{messages, hasMore, hasMoreAfter, seq?}``, half of them from ``seq`` on, half before it."""
        newer = self._conversations.history(user_id, conversation_id, None, seq - 1, (limit + 1) // 2)
        older = self._conversations.history(user_id, conversation_id, seq, None, max(1, limit // 2))
        nearest = newer["messages"] + older["messages"][::-1]
        fitting = min(count_fitting(nearest), limit)
        view: View = {
            "messages": sorted(nearest[:fitting], key=itemgetter("seq")),
            "hasMore": older["hasMore"] or fitting < len(nearest),
            "hasMoreAfter": newer["hasMore"] or fitting < len(newer["messages"]),
        }
        return {**view, **({"seq": nearest[0]["seq"]} if nearest else {})}
