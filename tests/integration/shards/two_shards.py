"""Two shards over one Valkey and one Postgres, and the services that read them all."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import redis
from sqlalchemy import Engine, text

from app.core.events import Event
from app.core.kinds import Kind
from app.message_log.append import Append, AppendLimits, Decided, Operation
from app.message_log.conversations import hydrate
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import Epoch, begin_epoch
from app.message_log.reader import LogReader
from app.message_log.shards import Shard, Shards
from app.services.drain.store_log import Drain
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.conversations import ConversationReader
from app.services.reading.direct_cache import DirectCache
from app.services.reading.fetch_unread import UnreadFetcher
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_queries import MessageQueries
from app.services.reading.replay_plan import ReplayPlan
from app.services.reading.resume import Replay
from app.services.reading.waiting_requests import WaitingRequests
from app.store.conversations import load_state
from app.store.engine import reading, writing
from app.store.epochs import next_epoch
from app.store.replica import StoreReads
from tests.factories.store import add_direct, add_group, add_users

LIMITS = AppendLimits(max_records=100_000, max_bytes=1 << 28, dedupe_seconds=600)


class TwoShards:
    """The clock of shard 0 is an hour ahead, so that comparing versions of both shards is always wrong."""

    def __init__(self, engine: Engine, client: redis.Redis) -> None:
        client.flushall()
        self.engine, self.client = engine, client
        self.shards = Shards([client, client])
        self.epoch = begin_epoch(self.shards[0], lambda: next_epoch(engine)).number
        client.set(self.shards[1].keys.epoch, f"{self.epoch}:0")
        row = "INSERT INTO log_state (id, epoch) VALUES (2, :epoch) ON CONFLICT (id) DO UPDATE SET epoch = :epoch"
        self.run(row, epoch=self.epoch)
        client.set(self.shards[0].keys.version, int(time.time() + 3600) * 1_000_000)
        self._appends = [self._append(shard, "append") for shard in self.shards]
        self._changes = [self._append(shard, "change") for shard in self.shards]
        self.waits: list[tuple[int, int]] = []

    def _append(self, shard: Shard, name: str) -> Append:
        options: dict[str, Any] = {"connect": lambda: self.client, "saw_epoch": lambda _: None, "wake": lambda: None}
        return Append(shard, "here", LIMITS, name=name, **options)

    def lose(self, number: int, away: redis.Redis) -> Shards:
        """Returns the shards, of which one cannot be reached."""
        return Shards([away if n == number else self.client for n in range(2)])

    # --- conversations of one shard

    def direct(self, number: int, user: int) -> int:
        """Returns a conversation of this shard, of the user and somebody new."""
        self._skip_to(number)
        return self._hydrated(number, add_direct(self.engine, user, *add_users(self.engine, 1)))

    def group(self, number: int, *members: int) -> int:
        """Returns a group of this shard; the first member is its owner."""
        self._skip_to(number)
        found = add_group(self.engine, members)
        self.run("UPDATE members SET role = 'owner' WHERE conversation_id = :c AND user_id = :u", c=found, u=members[0])
        return self._hydrated(number, found)

    def _skip_to(self, number: int) -> None:
        """Lets the next conversation be one of this shard."""
        while not self.shards[number].part.has(add_group(self.engine, add_users(self.engine, 1)) + 1):
            pass

    def _hydrated(self, number: int, conversation: int) -> int:
        assert self.shards[number].part.has(conversation)
        with reading(self.engine) as conn:
            for state in load_state(conn, [conversation]):
                assert hydrate(self.shards.of(conversation), self.epoch, state)
        return conversation

    def other(self, conversation: int, user: int) -> int:
        query = "SELECT user_id FROM members WHERE conversation_id = :c AND user_id <> :u"
        with reading(self.engine) as conn:
            return int(conn.execute(text(query), {"c": conversation, "u": user}).scalar_one())

    # --- acts

    def say(self, conversation: int, user: int, message: str) -> str:
        id_ = str(uuid.uuid4())
        body = f'"id":"{id_}","senderId":{user},"message":"{message}","kind":"text","attachments":[]'
        self._do(self._appends, Operation(Kind.MESSAGE, conversation, user, id_, body))
        return id_

    def mark(self, kind: Kind, conversation: int, user: int, seq: int) -> None:
        self._do(self._appends, Operation(kind, conversation, user, seq))

    def change(self, kind: Kind, conversation: int, user: int, what: list[Any], body: str = "") -> int:
        """Returns the version."""
        return self._do(self._changes, Operation(kind, conversation, user, what, body))

    def change_members(self, group: int, owner: int, what: str, *details: int) -> int:
        id_ = str(uuid.uuid4())
        body = (
            f'"id":"{id_}","senderId":{owner},"message":"","kind":"system","attachments":[],'
            f'"system":{json.dumps({"type": what, "userIds": details[-1:]})}'
        )
        operation = Operation(Kind.GROUP_CHANGED, group, owner, [what, *details], body, "", id_)
        return self._do(self._changes, operation)

    def ask(self, group: int, sender: int, user: int) -> None:
        """The sender asks the user to join the group."""
        columns = "requests (user_id, conversation_id, from_id)"
        self.run(f"INSERT INTO {columns} VALUES (:u, :c, :f)", u=user, c=group, f=sender)

    def _do(self, scripts: list[Append], operation: Operation) -> int:
        number = self.shards.of(operation.conversation_id).part.number
        ((decided, _, version, _),) = scripts[number]([operation])
        assert decided == Decided.DONE, Decided(decided)
        return version

    def drain(self, number: int) -> None:
        reader = LogReader(self.shards[number])
        options: dict[str, Any] = {"stopping": lambda: False, "alive": lambda _: None, "renew": lambda *_: True}
        assert Drain(reader, self.engine, batch=500, linger_seconds=0.0, lease_seconds=4.0, **options).run()

    def drain_all(self) -> None:
        for shard in self.shards:
            self.drain(shard.part.number)

    def run(self, statement: str, **values: Any) -> None:
        with writing(self.engine) as conn:
            conn.execute(text(statement), values)

    # --- services

    def conversations(self, shards: Shards | None = None) -> ConversationReader:
        def wait_until_stored(conversation_id: int, version: int) -> bool:
            self.waits.append((conversation_id, version))
            self.drain(self.shards.of(conversation_id).part.number)
            return True

        return ConversationReader(
            engine=self.engine,
            store_reads=StoreReads(self.engine),
            shards=shards or self.shards,
            directs=DirectCache(),
            wait_until_stored=wait_until_stored,
        )

    def fetcher(self, shards: Shards | None = None) -> UnreadFetcher:
        return UnreadFetcher(
            engine=self.engine, shards=shards or self.shards, directs=DirectCache(), mark_delivered=lambda *_: None
        )

    def finder(self, shards: Shards | None = None) -> MessageFinder:
        return MessageFinder(engine=self.engine, shards=shards or self.shards, directs=DirectCache())

    def requests(self, shards: Shards | None = None) -> WaitingRequests:
        stores: dict[str, Any] = {"engine": self.engine, "shards": shards or self.shards}
        options: dict[str, Any] = {"run_blocking": lambda act: act(), "present_epoch": lambda _: self.epoch}
        cache = ConversationCache(**stores, directs=DirectCache(), **options)
        return WaitingRequests(**stores, redis=self.client, conversations=cache)

    def queries(self) -> MessageQueries:
        stores: dict[str, Any] = {"engine": self.engine, "shards": self.shards, "directs": DirectCache()}
        unused: dict[str, Any] = dict.fromkeys(["conversations", "messages", "wait_until_stored"])
        return MessageQueries(**stores, **unused, store_reads=StoreReads(self.engine))

    def replay(self, number: int, user: int, since: int, shards: Shards | None = None) -> list[Event]:
        """Returns the events of all pages that a session gets from this shard."""
        return replay_of(self.engine, (shards or self.shards)[number], shards or self.shards, self.epoch, user, since)


def replay_of(engine: Engine, shard: Shard, shards: Shards, epoch: int, user: int, since: int) -> list[Event]:
    current = CurrentEpoch(60)
    current.adopt(Epoch(epoch, 0))
    replay = Replay(
        engine=engine,
        shards=shards,
        shard=shard,
        directs=DirectCache(),
        epoch=current,
        requests=None,  # type: ignore[arg-type]
        saw_epoch=lambda _: None,
    )
    events: list[Event] = []
    at, more, plan = since, True, ReplayPlan()
    while more:
        page, more = replay.changes_since(user, at, since, plan)
        events += page
        at = max([at, *(event.version for event in page)])
    return events


def conversation_in(event: Event) -> int:
    """Returns the conversation of an event."""
    data = json.loads(event.data)
    return int(data.get("conversationId") or data["id"])
