"""The Lua scripts of the message log in Python, for the in-memory twin of Valkey."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.core.records import unpack
from app.message_log import keys as names
from app.redis_scripts import source
from tests.twins.memory_append import Writer, append_one, change_one


def name_of(text: str) -> str:
    """Returns the name of the script file that ends this text."""
    return next(name for name in SCRIPTS if text.endswith(source("app.message_log", name)))


def _hydrate(redis: Any, keys: list[Any], args: list[Any]) -> int:
    epoch, last_seq, version, _, marks, _, *fields = args
    present = redis.get(keys[0])
    if present is None or int(present.split(b":")[0]) != epoch:
        return 0
    if redis.hexists(keys[1], "m"):
        return 1
    redis.hset(keys[1], mapping={"s": last_seq, "lv": version, **dict(zip(fields[::2], fields[1::2], strict=True))})
    loaded = redis.hash_of(keys[5])
    redis.hset(keys[1], mapping={name.decode(): value for name, value in loaded.items()} or {"x": 0})
    for user, delivered, read in unpack(marks):
        redis.hset(keys[1], mapping={f"d:{user}": delivered, f"r:{user}": read})
    return 1


def _load_members(redis: Any, keys: list[Any], args: list[Any]) -> None:
    """The twin reads the list of members, so it needs only their marks."""
    for user, delivered, read, unread in unpack(args[4]):
        fields = {f"d:{user}": delivered, f"r:{user}": read}
        redis.hset(keys[0], mapping={**fields, f"u:{user}": 1} if unread else fields)


def _tail(redis: Any, keys: list[Any], args: list[Any]) -> list[Any]:
    epoch = redis.get(keys[3])
    number = int(epoch.split(b":")[0]) if epoch else 0
    found: list[Any] = [redis.get(keys[1]) or b"0", number, redis.xlen(keys[0]) if epoch else 0, [], []]
    if found[2] == 0:
        return found
    found[3] = redis.lrange(keys[2], 0, -1)
    for id_ in args[1:]:
        records = redis.lrange(names.FIRST.tail(int(id_)), 0, -1)
        if records:
            found += [int(id_), records]
    return found


def _stored(redis: Any, keys: list[Any], args: list[Any]) -> int:
    _, version, records, size, ids, progress, number, epoch, *notices = args
    for gateway, notice in zip(notices[::2], notices[1::2], strict=True):
        redis.publish(names.FIRST.gateway_channel(gateway), notice)
    present = redis.get(keys[3])
    if epoch and present is not None and int(present.split(b":")[0]) != epoch:
        return 0
    gone = redis.xdel(keys[0], *unpack(ids))
    state = {name: int(value) for name, value in redis.hash_of(keys[1]).items()}
    state = {name: state.get(name, 0) for name in (b"records", b"bytes", b"gone", b"stored")}
    if gone == len(unpack(ids)):
        state |= {b"records": state[b"records"] - records, b"bytes": state[b"bytes"] - size}
    elif redis.xlen(keys[0]) == 0:
        state |= {b"records": 0, b"bytes": 0}
    state |= {b"gone": max(state[b"gone"], number), b"stored": max(state[b"stored"], version)}
    redis.hset(keys[1], mapping={name.decode(): value for name, value in state.items()})
    for id_, count, up_to in unpack(progress):
        tail = redis.lrange(names.FIRST.tail(id_), 0, -1)
        kept = [packed for packed in tail[:count] if unpack(packed)[3] > up_to] + tail[count:]
        redis.keep_list(names.FIRST.tail(id_), kept)
    return int(gone)


def _renew(redis: Any, keys: list[Any], args: list[Any]) -> int:
    holder = redis.get(keys[0])
    if holder != args[0].encode() and (holder is not None or args[2] != "1"):
        return 0
    redis.set(keys[0], args[0], px=args[1])
    return 1


def _release(redis: Any, keys: list[Any], args: list[Any]) -> int:
    if redis.get(keys[0]) != args[0].encode():
        return -1
    if args[1] != "1" and redis.xlen(keys[1]) > 0:
        return 0
    redis.delete(keys[0])
    return 1


def _raise(redis: Any, keys: list[Any], args: list[Any]) -> int:
    seq = redis.hget(keys[0], "s")
    if seq is None:
        return 0
    if int(seq) < args[0]:
        redis.hset(keys[0], "s", args[0])
    return max(int(seq), int(args[0]))


def _begin(redis: Any, keys: list[Any], args: list[Any]) -> bytes:
    found = redis.get(keys[0])
    if found is not None and int(found.split(b":")[0]) >= args[0]:
        return bytes(found)
    redis.set(keys[0], args[1])
    return str(args[1]).encode()


def _blockers(redis: Any, keys: list[Any], args: list[Any]) -> int:
    if not redis.hexists(keys[0], "m"):
        return 0
    redis.hset(keys[0], "b", args[0])
    return 1


def _lost(redis: Any, keys: list[Any], args: list[Any]) -> int:
    raise NotImplementedError("only the drain calls it, and the drain's tests use Valkey")


SCRIPTS: dict[str, Callable[[Any, list[Any], list[Any]], Any]] = {
    "append": lambda redis, _keys, args: Writer(redis, args).run(append_one),
    "change": lambda redis, _keys, args: Writer(redis, args).run(change_one),
    "hydrate": _hydrate,
    "load_members": _load_members,
    "tail": _tail,
    "stored": _stored,
    "renew": _renew,
    "release": _release,
    "raise": _raise,
    "begin": _begin,
    "blockers": _blockers,
    "lost": _lost,
}
