"""The drain's side of the log: read what is not stored, remove what is, hold the lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from redis import Redis

from app.core.records import Kind, Record, pack, unpack_records
from app.message_log import keys
from app.redis_scripts import script


class Entry(NamedTuple):
    """One entry of the log. ``records`` is None where its bytes are not what append.lua writes."""

    id: bytes
    blob: bytes
    records: list[Record] | None


class LogReader:
    """Reads the log from its head: everything in it is unstored, so there is no consumer position to lose."""

    def __init__(self, redis: Redis, blocking: Redis) -> None:
        """``blocking`` is a client whose socket timeout is longer than any block asked of it."""
        self._redis = redis
        self._blocking = blocking
        self._stored = script(redis, __package__, "stored")
        self._renew = script(redis, __package__, "renew")
        self._release = script(redis, __package__, "release")

    def renew(self, token: str, seconds: float) -> bool:
        return bool(self._renew(keys=[keys.LEASE], args=[token, int(seconds * 1000)]))

    def release(self, token: str, *, force: bool = False) -> bool:
        """Give the lease back where the log is empty (or by ``force``). False: something came, go on."""
        return int(self._release(keys=[keys.LEASE, keys.LOG], args=[token, "1" if force else "0"])) != 0

    def head(self, count: int) -> list[Entry]:
        """The oldest entries."""
        return [self._entry(*row) for row in self._redis.xrange(keys.LOG, count=count)]

    def wait(self, milliseconds: int) -> bool:
        """Wait until the log holds something. Only for an empty log: an entry written before this call is seen too."""
        return bool(self._blocking.xread({keys.LOG: "0"}, count=1, block=milliseconds))

    def epoch(self) -> int | None:
        value = self._redis.get(keys.EPOCH)
        return int(value.split(b":")[0]) if isinstance(value, bytes) else None

    def count_attempt(self, head: bytes) -> int:
        """How often the entry at the head was begun, this time included. Survives a drain that dies of it."""
        value = self._redis.get(keys.ATTEMPTS)
        before = 0
        if isinstance(value, bytes) and value.startswith(head + b":"):
            before = int(value.rsplit(b":", 1)[1])
        self._redis.set(keys.ATTEMPTS, head + b":%d" % (before + 1), ex=3600)
        return before + 1

    def remove(self, entries: list[Entry], refused: dict[int, str]) -> None:
        """Take entries that Postgres holds out of the log and tell the gateways. ``refused``: version -> reason."""
        records = [record for entry in entries for record in entry.records or ()]
        progress: dict[int, list[int]] = {}
        for record in records:
            row = progress.setdefault(record.conversation_id, [record.conversation_id, 0, 0])
            row[1] += 1
            row[2] = max(row[2], record.version)
        self._stored(
            keys=[keys.LOG, keys.LOG_STATE],
            args=[
                keys.PREFIX,
                keys.CONVERSATION_SECONDS,
                len(records),
                sum(len(entry.blob) for entry in entries),
                pack([entry.id.decode() for entry in entries]),
                pack(list(progress.values())),
                *(part for notice in self._notices(records, refused) for part in notice),
            ],
        )

    def set_aside(self, blob: bytes, reason: str, marks: Iterable[str] = ()) -> None:
        """Put a record that cannot be stored where an operator finds it, and forget its dedupe mark so that its sender
        may try again."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.xadd(keys.DEAD, {"r": blob, "why": reason}, maxlen=keys.DEAD_MAX, approximate=True)
        for mark in marks:
            pipe.delete(mark)
        pipe.execute()

    def raise_counters(self, rows: Iterable[tuple[int, int]]) -> None:
        """Conversation counters that fell behind Postgres (a Redis that lost its last second) are dropped; they are
        read from Postgres again at the next message."""
        for conversation_id, _ in rows:
            self._redis.delete(keys.conversation(conversation_id))

    @staticmethod
    def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
        blob = fields.get(b"r", b"")
        try:
            return Entry(entry_id, blob, unpack_records(blob))
        except ValueError:
            return Entry(entry_id, blob, None)

    @staticmethod
    def _notices(records: list[Record], refused: dict[int, str]) -> list[tuple[str, bytes]]:
        stored: dict[str, list[int]] = defaultdict(list)
        notices: list[tuple[str, bytes]] = []
        for record in records:
            if record.version in refused:
                item = (False, (Kind.REFUSED, record.version, refused[record.version]))
                notices.append((record.gateway, pack((0, (item,)))))
            else:
                stored[record.gateway].append(record.version)
        notices += [(gateway, pack((0, ((False, (Kind.STORED, v)),)))) for gateway, v in stored.items()]
        return notices
