"""append.lua, and the RECEIPT_BATCH of change.lua, in Python, for the in-memory twin of Valkey.

Complete except for typing and the cached routes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from app.core.kinds import Kind
from app.core.records import pack, unpack
from app.message_log import keys as names
from app.message_log.append import LOOKED_UP, Decided

LARGE = 100
Result = list[int]


class _Conversation:
    def __init__(self, redis: Any, id_: int, fields: dict[bytes, bytes]) -> None:
        self.redis = redis
        self.id = id_
        self.key = names.FIRST.conversation(id_)
        self.members: list[int] = unpack(fields[b"m"])
        self.blockers: list[int] = unpack(fields.get(b"b", pack([])))
        self.seq = int(fields[b"s"])
        self.last_version = int(fields[b"lv"])
        self.marks = {name.decode(): int(value) for name, value in fields.items() if name[:2] in (b"d:", b"r:")}
        self.new: list[bytes] = []

    def audience(self, user: int) -> list[int]:
        return [user] if self.blockers else self.members

    def save(self) -> None:
        state = {"s": self.seq, "lv": self.last_version, **self.marks}
        self.redis.hset(self.key, mapping=state)
        if self.new:
            self.redis.rpush(names.FIRST.tail(self.id), *self.new)


class Writer:
    """One call of append.lua or change.lua."""

    def __init__(self, redis: Any, args: list[Any]) -> None:
        self.redis = redis
        self.prefix, max_records, max_bytes, self.dedupe_seconds, _, heads, *self.ends, self.looked_up = args
        self.heads = unpack(heads)
        state = redis.hash_of(names.FIRST.log_state)
        self.logged, self.bytes, self.entries, self.stored = (
            int(state.get(name, b"0")) for name in (b"records", b"bytes", b"entries", b"stored")
        )
        self.room, self.bytes_room = max_records - self.logged, max_bytes - self.bytes
        now_us = int(time.time() * 1e6)
        self.now_ms = now_us // 1000
        self.version = max(int(redis.get(names.FIRST.version) or 0), now_us - 1)
        self.conversations: dict[int, _Conversation | None] = {}
        self.records: list[bytes] = []
        self.items: list[tuple[list[int], bytes]] = []
        self.results: list[int] = []
        self.is_stale = False

    def run(self, act: Callable[[Writer, _Conversation, int, int, Any, int], Result | None]) -> bytes:
        epoch = self.redis.get(names.FIRST.epoch)
        if epoch is None:
            return pack([False])
        self.is_stale = self.looked_up not in (0, int(epoch.split(b":")[0]))
        for index in range(len(self.heads) // 4):
            kind, id_, user, what = self.heads[4 * index : 4 * index + 4]
            found = self._conversation(id_)
            result: Result | None = [Decided.UNKNOWN]
            if found is not None:
                result = act(self, found, kind, user, what, index)
            self.results += [*(int(number) for number in result or ()), 0, 0, 0, 0][:4]
        return self._finish(int(epoch.split(b":")[0]))

    def _conversation(self, id_: int) -> _Conversation | None:
        if id_ not in self.conversations:
            fields = self.redis.hash_of(names.FIRST.conversation(id_))
            self.conversations[id_] = _Conversation(self.redis, id_, fields) if fields else None
        return self.conversations[id_]

    def has_room(self, index: int) -> bool:
        size = sum(map(len, self.records))
        return len(self.records) < self.room and size + len(self.ends[index]) <= self.bytes_room

    def log(self, c: _Conversation, kind: int, seq: int, ending: bytes, users: list[int]) -> Result:
        self.version += 1
        c.last_version = self.version
        head = b"".join(pack(part) for part in (kind, c.id, seq, self.version, self.now_ms))
        packed = b"\x9a" + head + ending
        self.records.append(packed)
        c.new.append(packed)
        self.items.append((users, packed))
        return [Decided.DONE, seq, self.version, self.now_ms]

    def unchanged(self, c: _Conversation, seq: int) -> Result:
        what = Decided.UNCHANGED if c.last_version <= self.stored else Decided.UNCHANGED_PENDING
        return [what, seq, c.last_version]

    def _finish(self, epoch: int) -> bytes:
        wake = 0
        if self.records:
            for c in self.conversations.values():
                if c is not None and c.new:
                    c.save()
            blob = _array_header(len(self.records)) + b"".join(self.records)
            self.redis.set(names.FIRST.version, self.version)
            state = {
                "records": self.logged + len(self.records),
                "bytes": self.bytes + len(blob),
                "entries": self.entries + 1,
            }
            self.redis.hset(names.FIRST.log_state, mapping=state)
            self.redis.xadd(names.FIRST.log, {"r": blob, "n": self.entries + 1, "e": epoch})
            wake = 0 if self.redis.get(names.FIRST.lease) else 1
        self._publish(epoch)
        return pack([epoch, wake, self.results])

    def _publish(self, epoch: int) -> None:
        outgoing: dict[str, list[bytes]] = {}
        for users, packed in self.items:
            for gateway, online in self._places(users).items():
                outgoing.setdefault(gateway, []).append(b"\x92" + pack(online) + packed)
        for gateway, items in outgoing.items():
            message = b"\x92" + pack(epoch) + _array_header(len(items)) + b"".join(items)
            self.redis.publish(names.FIRST.gateway_channel(gateway), message)

    def _places(self, users: list[int]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for user in users:
            for gateway in (self.redis.hget(names.FIRST.online, str(user)) or b"").decode().split():
                found.setdefault(gateway, []).append(user)
        return found


def _array_header(n: int) -> bytes:
    return bytes([144 + n]) if n < 16 else b"\xdc" + n.to_bytes(2, "big")


def append_one(w: Writer, c: _Conversation, kind: int, user: int, what: Any, index: int) -> Result | None:
    if user not in c.members:
        return [Decided.NOT_A_MEMBER]
    if kind == Kind.MESSAGE:
        return _add_message(w, c, user, what, index)
    return _move_mark(w, c, kind, user, what, index)


def _add_message(w: Writer, c: _Conversation, user: int, what: Any, index: int) -> Result:
    if w.is_stale:
        return [Decided.STALE]
    id_, _, flags = (what, None, 0) if isinstance(what, str) else what
    assert flags in (0, LOOKED_UP), "the twin knows no other flag"
    key = names.FIRST.dedupe_mark(c.id, id_)
    before = w.redis.get(key) or (_mark_of_waiting(w, c, id_) if flags else None)
    if before is not None:
        seq, version, ms, sender = map(int, before.split(b":"))
        if sender != user:
            return [Decided.ID_CONFLICT]
        return [Decided.STORED if version <= w.stored else Decided.PENDING, seq, version, ms]
    if user in c.blockers:
        return [Decided.FORBIDDEN]
    if not w.has_room(index):
        return [Decided.FULL]
    seconds = 7200 if flags else w.dedupe_seconds
    w.redis.set(key, f"{c.seq + 1}:{w.version + 1}:{w.now_ms}:{user}", ex=seconds)
    c.seq += 1
    to = c.audience(user)
    return w.log(c, Kind.MESSAGE if to is c.members else Kind.BLOCKED_MESSAGE, c.seq, w.ends[index], to)


def _mark_of_waiting(w: Writer, c: _Conversation, id_: str) -> bytes | None:
    for packed in w.redis.lrange(names.FIRST.tail(c.id), 0, -1):
        kind, _, seq, version, ms, user, its_id, *_ = unpack(packed)
        if kind in (Kind.MESSAGE, Kind.BLOCKED_MESSAGE) and its_id == id_:
            return b"%d:%d:%d:%d" % (seq, version, ms, user)
    return None


def _move_mark(w: Writer, c: _Conversation, kind: int, user: int, seq: int, index: int) -> Result:
    if len(c.members) > LARGE:
        return [Decided.DEFER]
    delivered, read = c.marks.get(f"d:{user}", 0), c.marks.get(f"r:{user}", 0)
    seq, stands = min(seq, c.seq), delivered if kind == Kind.DELIVERED else read
    if seq <= stands:
        return w.unchanged(c, stands)
    if len(w.records) >= w.room:
        return [Decided.FULL]
    c.marks[f"d:{user}"] = max(seq, delivered)
    if kind == Kind.READ:
        c.marks[f"r:{user}"] = seq
    return w.log(c, kind, seq, w.ends[index], c.audience(user))


def change_one(w: Writer, c: _Conversation, kind: int, _user: int, what: Any, index: int) -> Result | None:
    if kind != Kind.RECEIPT_BATCH:
        raise NotImplementedError("the twin's change.lua takes only RECEIPT_BATCH")
    if len(w.records) >= w.room:
        return [Decided.FULL]
    mark, *flat = what
    moved, furthest, reader = [], 0, 0
    for user, seq in zip(flat[::2], flat[1::2], strict=True):
        to = _moved(c, mark, user, seq)
        if to:
            moved.append([user, to])
            if to > furthest:
                furthest, reader = to, user
    if not moved:
        return w.unchanged(c, c.seq)
    gateway = unpack(b"\x95" + w.ends[index])[4]
    pairs = ",".join(f"[{user},{seq}]" for user, seq in moved)
    body = f'{{"mark":{mark},"moved":[{pairs}]}}'
    ending = pack([reader, "", body, "", gateway])[1:]
    _, _, version, ms = w.log(c, Kind.RECEIPT_BATCH, furthest, ending, c.members)
    return [Decided.DONE, c.seq, version, ms]


def _moved(c: _Conversation, mark: int, user: int, seq: int) -> int:
    """Moves one mark of a batch. Returns its new position, or 0 if it stays."""
    if user not in c.members:
        return 0
    seq, name = min(seq, c.seq), f"{'d' if mark == Kind.DELIVERED else 'r'}:{user}"
    if seq <= c.marks.get(name, 0):
        return 0
    c.marks[name] = seq
    if mark == Kind.READ:
        c.marks[f"d:{user}"] = max(seq, c.marks.get(f"d:{user}", 0))
    return seq
