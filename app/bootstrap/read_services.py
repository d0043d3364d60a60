"""Wires the services of a gateway that read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from app.bootstrap.log_services import LogBuilder
from app.gateway.gateway import Reading
from app.gateway.shard_line import ShardLine
from app.gateway.waiting import stored_waiter
from app.redis_batch import Batcher
from app.services.reading.conversation_media import ConversationMedia
from app.services.reading.conversations import ConversationReader
from app.services.reading.count_unread import count_unread
from app.services.reading.fetch_unread import UnreadFetcher
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_queries import MessageQueries
from app.services.reading.presence import PresenceReader
from app.services.reading.show_around import AroundReader
from app.services.reading.waiting_requests import WaitingRequests
from app.services.reading.who_missed import who_missed
from app.store.unread import UnreadRequest


class ReadingBuilder(LogBuilder):
    def _build_reading(self) -> None:
        stores: Any = {"engine": self._engine, "shards": self._shards}
        wait_until_stored = stored_waiter(self._confirmations, self._settings.ack_wait_seconds)
        # All clients return at once after a deploy: their reads of Postgres are batched. A session also begins while a
        # shard is away. The counts then lack the records that wait there; they come as events when the shard is back.
        self._unread_counts = self._read_queue("unread counts", partial(count_unread, **stores, some=True))
        self._missed = [self._build_missed(line) for line in self._lines]
        fetcher = UnreadFetcher(
            **stores,
            directs=self._directs,
            mark_delivered=self._marks.mark_delivered,
        )
        self._unread_messages = self._read_queue("unread messages", fetcher.fetch)
        messages = MessageFinder(**stores, directs=self._directs)
        conversations = ConversationReader(
            **stores, store_reads=self._store_reads, directs=self._directs, wait_until_stored=wait_until_stored
        )
        self._waiting_requests = WaitingRequests(**stores, redis=self._redis, conversations=self._conversations)
        self._reading = Reading(
            directs=self._directs,
            cache=self._conversations,
            conversations=conversations,
            around=AroundReader(store_reads=self._store_reads, conversations=conversations, messages=messages),
            messages=messages,
            queries=MessageQueries(
                **stores,
                store_reads=self._store_reads,
                directs=self._directs,
                conversations=self._conversations,
                messages=messages,
                wait_until_stored=wait_until_stored,
            ),
            media=ConversationMedia(
                store_reads=self._store_reads,
                shards=self._shards,
                directs=self._directs,
                wait_until_stored=wait_until_stored,
            ),
            requests=self._waiting_requests,
            presence=PresenceReader(
                engine=self._engine,
                redis=self._redis,
                hub=self._hub,
                directory=self._directory,
                register=self._watches.register,
            ),
            fetch_unread=lambda user_id, conversation_id, limit: self._unread_messages.run(
                UnreadRequest(user_id, conversation_id, limit)
            ),
        )

    def _build_missed(self, line: ShardLine) -> Batcher:
        find_missed = partial(
            who_missed,
            engine=self._engine,
            shard=line.shard,
            saw_epoch=line.epochs.saw,
            news=not line.shard.part.number,
        )
        return Batcher("missed", find_missed, recover=line.epochs.renew, max_batch=100, patience=30.0)

    def _read_queue(self, name: str, call: Callable[[list[Any]], list[Any]]) -> Batcher:
        return Batcher(name, call, recover=self._epochs.renew, max_batch=100)
