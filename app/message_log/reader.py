"""The drain's side of the log: reads unstored entries, removes stored ones, holds the lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Any, NamedTuple

from app.core.kinds import Kind
from app.core.records import Record, pack, unpack_record, unpack_records
from app.message_log import keys
from app.message_log.shards import Shard
from app.redis_one_connection import OneConnection
from app.redis_publications import publish
from app.redis_scripts import LoadedFunction, script

ATTEMPTS_SECONDS = 3600
NO_LIMIT = 2**31
TAILS_AT_ONCE = 100


class Entry(NamedTuple):
    """One entry of the log. ``records`` is None if its bytes are not those of a log entry."""

    id: bytes
    blob: bytes
    records: list[Record] | None
    number: int | None = None  # counts entries from 1; None if append.lua did not write the entry
    epoch: int | None = None  # the epoch it belongs to; None if append.lua did not write the entry


def count_records(entries: list[Entry]) -> int:
    return sum(len(entry.records or ()) for entry in entries)


class LogReader:
    """Reads the log from its head. Everything in it is unstored, so there is no consumer position to lose."""

    def __init__(self, shard: Shard) -> None:
        """The socket timeout of the shard's connection must be longer than any blocking read."""
        self.part = shard.part
        self._redis, self._keys = shard.redis, shard.keys
        self._stored = LoadedFunction(shard.redis, "app.message_log", "stored")
        self._renew = script(shard.redis, "app.message_log", "renew")
        self._release = script(shard.redis, "app.message_log", "release")
        self._raise = script(shard.redis, "app.message_log", "raise")
        self._lost = script(shard.redis, "app.message_log", "lost")

    def renew(self, token: str, seconds: float, *, take: bool = True) -> bool:
        """Renews the lease, or takes it if nobody holds it and ``take`` is set. Returns whether this drain holds it."""
        return bool(self._renew(keys=[self._keys.lease], args=[token, int(seconds * 1000), "1" if take else "0"]))

    def release(self, token: str, *, force: bool = False) -> bool:
        """Releases the lease if the log is empty or ``force`` is set. Returns False if the drain must continue."""
        return int(self._release(keys=[self._keys.lease, self._keys.log], args=[token, "1" if force else "0"])) != 0

    def take(self, count: int, milliseconds: int, max_records: int = NO_LIMIT) -> tuple[int | None, list[Entry]]:
        """Returns the oldest entries and their epoch (None if Redis lost its data): at most ``count`` entries, and no
        more after those that reach ``max_records``.

        Waits up to ``milliseconds`` for the first entry; 0 means not at all.
        """
        rows = self._read(count, milliseconds)
        entries = self._entries(rows, max_records)
        epoch = next((entry.epoch for entry in entries if entry.epoch is not None), None)
        if epoch is None:
            return self._epoch(), entries
        return epoch, _of_epoch(epoch, entries)

    def _read(self, count: int, milliseconds: int) -> list[Any]:
        """Returns rows: an entry's id, and its names and values in a list or, if redis-py has read them, in a dict."""
        if not isinstance(self._redis, OneConnection):
            return _rows_of(self._redis.xread({self._keys.log: "0"}, count=count, block=milliseconds or None))
        block = ("BLOCK", milliseconds) if milliseconds else ()
        streams = self._redis.call("XREAD", "COUNT", count, *block, "STREAMS", self._keys.log, "0")
        if not streams:
            return []
        (rows,) = streams.values() if isinstance(streams, dict) else (streams[0][1],)
        return list(rows)

    def _entries(self, rows: list[Any], max_records: int) -> list[Entry]:
        entries: list[Entry] = []
        records = 0
        for row in rows:
            entries.append(self._entry(*row))
            records += len(entries[-1].records or ())
            if records >= max_records:
                break
        return entries

    def _epoch(self) -> int | None:
        value = self._redis.get(self._keys.epoch)
        return int(value.split(b":")[0]) if isinstance(value, bytes) else None

    def count_attempt(self, head: bytes) -> int:
        """Returns how often storing the head entry was begun, including this time. Survives the death of a drain."""
        value = self._redis.get(self._keys.attempts)
        before = 0
        if isinstance(value, bytes) and value.startswith(head + b":"):
            before = int(value.rsplit(b":", 1)[1])
        self._redis.set(self._keys.attempts, head + b":%d" % (before + 1), ex=ATTEMPTS_SECONDS)
        return before + 1

    def end_attempt(self, head: bytes) -> None:
        """Notes that the process has survived its attempt, although the entry is not stored."""
        value = self._redis.get(self._keys.attempts)
        if isinstance(value, bytes) and value.startswith(head + b":"):
            self._redis.delete(self._keys.attempts)

    def begin_record(self, version: int) -> bool:
        """Notes that a record is about to be stored by itself. Returns False if a drain died over it before.

        The notes have their own key, with one field per record, because a count that the next record or the head of the
        log resets would never find anything.
        """
        begun = int(self._redis.hincrby(self._keys.records_begun, str(version), 1))
        self._redis.expire(self._keys.records_begun, ATTEMPTS_SECONDS)
        return begun == 1

    def end_record(self, version: int) -> None:
        """Notes that the record was stored or set aside, and that the process is alive."""
        self._redis.hdel(self._keys.records_begun, str(version))

    def suspect(self, first: int, last: int) -> bool:
        """Notes that records of these versions are about to be stored together. If a drain died over some of them
        before, returns True and keeps the earlier note.
        """
        low, high = self._suspects()
        if low <= last and first <= high:
            return True
        if low > last:  # a drain stored these before it died over later ones
            return False
        self._redis.set(self._keys.suspects, b"%d:%d" % (first, last), ex=ATTEMPTS_SECONDS)
        return False

    def has_suspects(self, entries: list[Entry]) -> bool:
        """Returns whether a drain that stored in small steps died over one of these entries or a later one."""
        first = next((record.version for entry in entries for record in entry.records or ()), None)
        return first is not None and first <= self._suspects()[1]

    def _suspects(self) -> tuple[int, int]:
        value = self._redis.get(self._keys.suspects)
        if not isinstance(value, bytes):
            return 1, 0
        low, high = map(int, value.split(b":"))
        return low, high

    def newest(self, after: int, count: int) -> list[Entry]:
        """Returns the last entries of the log, the newest first: those with numbers beyond ``after``."""
        rows: Any = self._redis.xrevrange(self._keys.log, count=count)
        entries = [self._entry(*row) for row in rows]
        return [entry for entry in entries if (entry.number or 0) > after]

    def short_tails(self, conversations: Sequence[int], at_most: int, together: int) -> list[list[Record]]:
        """Returns whole tails of these conversations, from the first one on, until they have ``together`` records.
        Leaves out tails that are longer than ``at_most``. A backlog may be spread over thousands of conversations, so
        only tails that are returned are read.
        """
        chosen: list[int] = []
        for first in range(0, len(conversations), TAILS_AT_ONCE):
            some = conversations[first : first + TAILS_AT_ONCE]
            pipe = self._redis.pipeline(transaction=False)
            for conversation in some:
                pipe.llen(self._keys.tail(conversation))
            for conversation, length in zip(some, pipe.execute(), strict=True):
                if length > at_most:
                    continue
                together -= length
                if together < 0:
                    return self._tails(chosen, at_most)
                chosen.append(conversation)
        return self._tails(chosen, at_most)

    def _tails(self, conversations: list[int], at_most: int) -> list[list[Record]]:
        pipe = self._redis.pipeline(transaction=False)
        for conversation in conversations:
            pipe.lrange(self._keys.tail(conversation), 0, at_most)
        tails: list[list[bytes]] = pipe.execute()
        return [[unpack_record(packed) for packed in tail] for tail in tails if len(tail) <= at_most]

    def begin_ahead(self) -> bool:
        """Notes that records are about to be stored out of turn. Returns False if a drain died over that before."""
        return bool(self._redis.set(self._keys.ahead, b"1", nx=True, ex=ATTEMPTS_SECONDS))

    def end_ahead(self) -> None:
        self._redis.delete(self._keys.ahead)

    def announce_stored(self, records: list[Record]) -> None:
        """Notifies the gateways of these records, which stay in the log."""
        pipe = self._redis.pipeline(transaction=False)
        for gateway, notice in self._notices(records, {}):
            publish(pipe, self._keys.gateway_channel(gateway), notice)
        pipe.execute()

    def remove(self, entries: list[Entry], refused: dict[int, str], announced: Set[int] = frozenset()) -> None:
        """Removes stored entries from the log and notifies the gateways of all records that are not ``announced`` yet.
        ``refused``: version -> reason.
        """
        records = [record for entry in entries for record in entry.records or ()]
        progress: dict[int, list[int]] = {}
        for record in records:
            row = progress.setdefault(record.conversation_id, [record.conversation_id, 0, 0])
            row[1] += 1
            row[2] = max(row[2], record.version)
        new = [record for record in records if record.version not in announced] if announced else records
        for version, reason in refused.items():  # before ``stored`` passes these versions
            self._redis.set(self._keys.refused(version), reason, ex=keys.REFUSED_SECONDS)
        self._stored(
            keys=[self._keys.log, self._keys.log_state, self._keys.memberships, self._keys.epoch],
            args=[
                self._keys.prefix,
                max((record.version for record in records), default=0),
                len(records),
                sum(len(entry.blob) for entry in entries),
                pack([entry.id.decode() for entry in entries]),
                pack(list(progress.values())),
                max((entry.number or 0 for entry in entries), default=0),
                max((entry.epoch or 0 for entry in entries), default=0),
                *(part for notice in self._notices(new, refused) for part in notice),
            ],
            client=self._redis,
        )

    def forget(self, record: Record) -> None:
        """Frees the id of a record that was not stored, so that its sender can retry."""
        self._redis.delete(self._keys.dedupe_mark(record.conversation_id, record.id))

    def raise_counter(self, conversation_id: int, last_seq: int) -> None:
        """Raises a seq counter that is behind Postgres because Redis lost its last second."""
        self._raise(keys=[self._keys.conversation(conversation_id)], args=[last_seq])

    def give_up_epoch(self, epoch: int) -> None:
        """Deletes the epoch in Redis, because Postgres has another one. A gateway then begins a new epoch."""
        value = self._redis.get(self._keys.epoch)
        if isinstance(value, bytes) and value.startswith(b"%d:" % epoch):
            self._redis.delete(self._keys.epoch)

    def give_up_if_lost(self) -> bool:
        """Gives the epoch up if entries that no drain removed are missing from the log. Returns whether it did."""
        return bool(self._lost(keys=[self._keys.log, self._keys.log_state, self._keys.epoch]))

    @staticmethod
    def _entry(entry_id: bytes, pairs: list[bytes] | dict[bytes, bytes]) -> Entry:
        fields = pairs if isinstance(pairs, dict) else dict(zip(pairs[::2], pairs[1::2], strict=True))
        blob, number, epoch = fields.get(b"r", b""), fields.get(b"n", b""), fields.get(b"e", b"")
        try:
            records = unpack_records(blob)
        except ValueError:
            records = None
        return Entry(entry_id, blob, records, _number(number), _number(epoch))

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


def _rows_of(streams: Any) -> list[Any]:
    """Returns the rows of XREAD, which is a list in RESP2, a map in RESP3, and None if there is nothing."""
    if not streams:
        return []
    if isinstance(streams, dict):
        (rows,) = streams.values()
        return list(rows[0]) if rows and isinstance(rows[0], list) else list(rows)
    return list(streams[0][1])


def _of_epoch(epoch: int | None, entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.epoch in (epoch, None)]


def _number(field: bytes) -> int | None:
    return int(field) if field.isdigit() else None
