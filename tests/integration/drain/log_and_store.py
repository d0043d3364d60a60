"""A log in Valkey over a store in Postgres, with the drain between them, for tests of what cannot be stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import redis
from sqlalchemy import Engine, text

from app.core.kinds import Kind
from app.core.part import WHOLE, Part
from app.message_log.append import Append, AppendLimits, Decision, Operation
from app.message_log.conversations import hydrate
from app.message_log.epoch import begin_epoch
from app.message_log.reader import LogReader
from app.message_log.shard_keys import ShardKeys
from app.message_log.shards import Shard
from app.services.drain.store_log import Drain
from app.store.conversations import load_state
from app.store.engine import reading
from app.store.epochs import next_epoch

LIMITS = AppendLimits(max_records=100_000, max_bytes=1 << 28, dedupe_seconds=600)


@dataclass
class LogAndStore:
    redis: redis.Redis
    engine: Engine
    part: Part = WHOLE
    epoch: int = field(init=False)

    @property
    def shard(self) -> Shard:
        return Shard(self.redis, ShardKeys(self.part.number), self.part)

    def __post_init__(self) -> None:
        self.epoch = begin_epoch(self.shard, lambda: next_epoch(self.engine, self.part)).number
        options: dict[str, Any] = {"connect": lambda: self.redis, "saw_epoch": lambda _: None, "wake": lambda: None}
        self.append = Append(self.shard, "here", LIMITS, **options)
        self.change = Append(self.shard, "here", LIMITS, name="change", **options)

    def hydrate(self, *conversations: int) -> None:
        with reading(self.engine) as conn:
            for state in load_state(conn, list(conversations)):
                assert hydrate(self.shard, self.epoch, state)

    def send(self, conversation: int, user: int, *texts: str) -> list[tuple[str, Decision]]:
        """Appends messages in one entry of the log. Returns the id and the decision of each."""
        ids = [str(uuid.uuid4()) for _ in texts]
        bodies = [
            f'"id":"{id_}","senderId":{user},"message":"{text}","kind":"text","attachments":[]'
            for id_, text in zip(ids, texts, strict=True)
        ]
        operations = [
            Operation(Kind.MESSAGE, conversation, user, id_, body) for id_, body in zip(ids, bodies, strict=True)
        ]
        return list(zip(ids, self.append(operations), strict=True))

    def drain(self, *, engine: Engine | None = None, reader: LogReader | None = None, **options: Any) -> Drain:
        """Returns a drain that ends once the log is empty."""
        defaults: dict[str, Any] = {
            "batch": 500,
            "linger_seconds": 0.0,
            "lease_seconds": 4.0,
            "stopping": lambda: False,
            "alive": lambda _: None,
            "renew": lambda token, seconds: LogReader(self.shard).renew(token, seconds, take=False),
        }
        return Drain(reader or LogReader(self.shard), engine or self.engine, **{**defaults, **options})

    def texts(self, conversation: int) -> list[str | None]:
        """Returns the stored bodies by seq; None is a tombstone."""
        rows = self.query("SELECT seq, body FROM messages WHERE conversation_id = :c ORDER BY seq", c=conversation)
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
        return [body for _, body in rows]

    def dead_letters(self) -> list[str]:
        return [reason for (reason,) in self.query("SELECT reason FROM dead_letters ORDER BY id")]

    def query(self, statement: str, **values: Any) -> list[Any]:
        with reading(self.engine) as conn:
            return list(conn.execute(text(statement), values))

    def waiting(self) -> int:
        return int(self.redis.xlen(self.shard.keys.log))
