"""An in-memory twin of Valkey: the commands and scripts that the concurrent core uses, and publish/subscribe.

Both pass tests/twins/redis_contract.py and tests/twins/log_contract.py. ``down`` makes every call fail as if Redis were
unreachable, ``on_call`` is called before each command and script, and ``lose_data`` empties it like a restart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from redis.exceptions import ConnectionError

from tests.twins.memory_pubsub import MemoryPubSub
from tests.twins.memory_scripts import SCRIPTS, name_of


def encode(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


class MemoryRedis:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.down = False
        self.on_call: Callable[[str], None] = lambda _name: None
        self.calls: list[str] = []
        self.subscribers: list[MemoryPubSub] = []
        self._clock = clock
        self._data: dict[bytes, Any] = {}
        self._expiry: dict[bytes, float] = {}
        self._changed = threading.Condition(threading.RLock())
        self._entries = 0
        self._in_script = False

    def called(self, name: str) -> None:
        if self._in_script:
            return
        self.calls.append(name)
        self.on_call(name)
        if self.down:
            raise ConnectionError("the twin is down")

    def lose_data(self) -> None:
        self._data.clear()
        self._expiry.clear()

    def close(self) -> None:
        """Does nothing: there is no connection."""

    # --- keys

    def _find(self, name: Any) -> Any:
        key = encode(name)
        if self._expiry.get(key, float("inf")) <= self._clock():
            self._data.pop(key, None)
            self._expiry.pop(key, None)
        return self._data.get(key)

    def _put(self, name: Any, value: Any) -> None:
        key = encode(name)
        self._data[key] = value
        self._expiry.pop(key, None)

    def get(self, name: Any) -> Any:
        self.called("get")
        return self._find(name)

    def mget(self, names: Iterable[Any]) -> list[Any]:
        self.called("mget")
        return [self._find(name) for name in names]

    def set(self, name: Any, value: Any, *, nx: bool = False, px: int | None = None, ex: float | None = None) -> Any:
        self.called("set")
        if nx and self._find(name) is not None:
            return None
        self._put(name, encode(value))
        if px is not None or ex is not None:
            self._expiry[encode(name)] = self._clock() + (ex if ex is not None else (px or 0) / 1000)
        return True

    def pexpire(self, name: Any, milliseconds: int) -> int:
        self.called("pexpire")
        if self._find(name) is None:
            return 0
        self._expiry[encode(name)] = self._clock() + milliseconds / 1000
        return 1

    def expire(self, name: Any, seconds: int) -> int:
        return self.pexpire(name, seconds * 1000)

    def ttl(self, name: Any) -> int:
        self.called("ttl")
        if self._find(name) is None:
            return -2
        ends = self._expiry.get(encode(name))
        return -1 if ends is None else round(ends - self._clock())

    def exists(self, name: Any) -> int:
        self.called("exists")
        return int(self._find(name) is not None)

    def delete(self, *names: Any) -> int:
        self.called("delete")
        found = [encode(name) for name in names if self._find(name) is not None]
        for key in found:
            del self._data[key]
        return len(found)

    unlink = delete

    def scan_iter(self, match: str, count: int = 1000) -> Iterator[bytes]:
        self.called("scan")
        # In a pattern of Redis, braces have no meaning; neither do they in fnmatch.
        yield from [key for key in self._data if fnmatchcase(key.decode(), match)]

    # --- hashes

    def hash_of(self, name: Any) -> dict[bytes, bytes]:
        return self._find(name) or {}

    def hget(self, name: Any, field: str) -> bytes | None:
        self.called("hget")
        return self.hash_of(name).get(encode(field))

    def hmget(self, name: Any, fields: Iterable[str]) -> list[bytes | None]:
        self.called("hmget")
        found = self.hash_of(name)
        return [found.get(encode(field)) for field in fields]

    def hexists(self, name: Any, field: str) -> bool:
        self.called("hexists")
        return encode(field) in self.hash_of(name)

    def hset(self, name: Any, key: str | None = None, value: Any = None, mapping: dict[str, Any] | None = None) -> int:
        self.called("hset")
        fields = dict(mapping or {})
        if key is not None:
            fields[key] = value
        kept = {**self.hash_of(name)}
        new = sum(encode(field) not in kept for field in fields)
        kept.update({encode(field): encode(value) for field, value in fields.items()})
        self._data[encode(name)] = kept
        return new

    # --- lists

    def list_of(self, name: Any) -> list[bytes]:
        return self._find(name) or []

    def rpush(self, name: Any, *values: Any) -> int:
        self.called("rpush")
        with self._changed:
            kept = [*self.list_of(name), *map(encode, values)]
            self._data[encode(name)] = kept
            self._changed.notify_all()
        return len(kept)

    def lrange(self, name: Any, first: int, last: int) -> list[bytes]:
        self.called("lrange")
        kept = self.list_of(name)
        return kept[first : None if last == -1 else last + 1]

    def ltrim(self, name: Any, first: int, last: int) -> bool:
        self.called("ltrim")
        kept = self.list_of(name)
        self.keep_list(name, kept[first : None if last == -1 else last + 1])
        return True

    def keep_list(self, name: Any, kept: list[bytes]) -> None:
        if kept:
            self._data[encode(name)] = kept
        else:
            self._data.pop(encode(name), None)

    def blpop(self, names: list[Any], timeout: float) -> list[bytes] | None:
        """Blocks the thread, not only the greenlet."""
        self.called("blpop")
        (name,) = names
        with self._changed:
            if not self._changed.wait_for(lambda: self.list_of(name), timeout):
                return None
            first, *rest = self.list_of(name)
            self.keep_list(name, rest)
        return [encode(name), first]

    # --- streams

    def xadd(self, name: Any, fields: dict[str, Any]) -> bytes:
        self.called("xadd")
        self._entries += 1
        entry = b"%d-0" % self._entries
        kept = self._data.setdefault(encode(name), {})
        kept[entry] = {encode(field): encode(value) for field, value in fields.items()}
        return entry

    def xread(self, streams: dict[Any, Any], count: int | None = None, block: int | None = None) -> list[Any]:
        self.called("xread")
        ((name, _),) = streams.items()
        kept = list((self._find(name) or {}).items())[:count]
        return [[encode(name), kept]] if kept else []

    def xdel(self, name: Any, *ids: bytes) -> int:
        self.called("xdel")
        kept = self._find(name) or {}
        return sum(kept.pop(encode(id_), None) is not None for id_ in ids)

    def xlen(self, name: Any) -> int:
        self.called("xlen")
        return len(self._find(name) or {})

    # --- publish/subscribe, scripts and pipelines

    def publish(self, channel: Any, message: bytes) -> int:
        self.called("publish")
        return sum(subscriber.deliver(encode(channel), message) for subscriber in list(self.subscribers))

    def pubsub(self, *, ignore_subscribe_messages: bool) -> MemoryPubSub:
        return MemoryPubSub(self)

    def cut_subscriptions(self) -> None:
        """Breaks all connections of subscribers. They miss messages until they subscribe again."""
        for subscriber in list(self.subscribers):
            subscriber.cut()

    def register_script(self, text: str) -> Callable[..., Any]:
        name = name_of(text)
        act = SCRIPTS[name]

        def call(keys: list[Any] = [], args: list[Any] = [], client: Any = None) -> Any:  # noqa: B006 - as redis-py
            if isinstance(client, MemoryPipeline):
                return client.collect(lambda: call(keys, args))
            self.called(f"script {name}")
            with self._changed:
                self._in_script = True
                try:
                    return act(self, keys, args)
                finally:
                    self._in_script = False

        return call

    def pipeline(self, transaction: bool = True) -> MemoryPipeline:
        return MemoryPipeline(self)


class MemoryPipeline:
    """Collects commands; runs them one after the other."""

    def __init__(self, redis: MemoryRedis) -> None:
        self._redis = redis
        self._commands: list[Callable[[], Any]] = []

    def __enter__(self) -> MemoryPipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self._commands = []

    def __getattr__(self, name: str) -> Callable[..., MemoryPipeline]:
        act = getattr(self._redis, name)

        return lambda *args, **options: self.collect(lambda: act(*args, **options))

    def collect(self, command: Callable[[], Any]) -> MemoryPipeline:
        self._commands.append(command)
        return self

    def execute(self) -> list[Any]:
        commands, self._commands = self._commands, []
        return [command() for command in commands]
