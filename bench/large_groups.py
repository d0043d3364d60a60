"""``python -m bench.large_groups`` measures the cost of a message to a group for Redis, before and after a change of
its scripts.

Runs the scripts of a git revision (``--before``, by default main) and those of this directory in two Valkeys at the
same time, and alternates between them. It counts the time in which Redis runs the script (usec of EVALSHA in INFO
commandstats) and the commands that the script calls. Each gateway has a real subscription, which is read between two
messages. With "churn", a non-member comes online or goes offline before each message.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import redis

from app.core.kinds import Kind
from app.core.records import pack
from app.fanout.presence import OFFLINE, ONLINE, PresenceChanges
from app.message_log import keys
from app.message_log.append import KIND_CONSTANTS, PRIVATE_CONSTANT, Append, AppendLimits, Decided, Operation
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard
from app.store.conversations import ConversationState, MemberState
from dev.embedded import EmbeddedStores

EPOCH, GATEWAYS, STRANGER = 1, 50, 900_001
ROOM = AppendLimits(max_records=10_000_000, max_bytes=10_000_000_000, dedupe_seconds=600)
SIZES = {"a pair": 2, "50 members": 50, "200 members": 200, "5,000 members": 5000, "100,000 members": 100_000}
MESSAGES = 200  # of a block
MESSAGES_BEFORE = {100_000: 20}  # its rounds take too long for more
BLOCKS = {2: 8, 50: 4}  # of a round: small differences need more


class Side:
    """One Valkey with one release. ``names`` are its gateways."""

    def __init__(self, client: redis.Redis, mark: str) -> None:
        self.redis = client
        self.names = [f"{mark}{n}" for n in range(GATEWAYS)]
        client.set(keys.FIRST.epoch, f"{EPOCH}:0")
        client.zadd(keys.FIRST.gateways, dict.fromkeys(self.names, 2e12))
        connected: Any = {"connect": lambda: client, "saw_epoch": lambda _: None, "wake": lambda: None}
        self.append = Append(Shard(client), self.names[0], ROOM, **connected)
        self.presence = {name: PresenceChanges(Shard(client), name, saw_epoch=lambda _: None) for name in self.names}
        self.subscriptions = [self._subscribe(name) for name in self.names]
        self.is_there = False

    def _subscribe(self, name: str) -> Any:
        subscription = self.redis.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(keys.FIRST.gateway_channel(name), keys.ALL, keys.FIRST.rosters)
        for _ in range(3):
            subscription.get_message(timeout=5)
        socket = subscription.connection._sock
        socket.setblocking(False)
        return subscription, socket

    def read_all(self) -> int:
        """Returns the bytes that the gateways received."""
        total = 0
        for _, socket in self.subscriptions:
            try:
                while part := socket.recv(1 << 20):
                    total += len(part)
            except BlockingIOError:
                pass
        return total

    def load(self, size: int) -> None:
        users = range(1, size + 1)
        rows = [MemberState(user, "owner" if user == 1 else "member", 0, 0) for user in users]
        kind = "direct" if size == 2 else "group"
        assert hydrate(Shard(self.redis), EPOCH, ConversationState(size, kind, 0, 0, rows, {}, {}, []))

    def all_come(self, users: Iterable[int]) -> None:
        for n, name in enumerate(self.names):
            mine = [user for user in users if user % GATEWAYS == n]
            for first in range(0, len(mine), 256):
                self.presence[name]([(ONLINE, user, 0) for user in mine[first : first + 256]])

    def churn(self) -> None:
        self.is_there = not self.is_there
        self.presence[self.names[7]]([(ONLINE if self.is_there else OFFLINE, STRANGER, 0)])

    def send(self, size: int, *, churn: bool) -> tuple[int, int]:
        """Sends a message. Returns the µs of its script and the commands that the script called."""
        if churn:
            self.churn()
        id_ = str(uuid.uuid4())
        body = f'"id":"{id_}","senderId":1,"message":"{"x" * 100}"'
        before = self._stats()
        ((decided, *_),) = self.append([Operation(Kind.MESSAGE, size, 1, id_, body, "session")])
        after = self._stats()
        assert decided == Decided.DONE
        self.read_all()
        return after[0] - before[0], after[1] - before[1]

    def _stats(self) -> tuple[int, int]:
        stats: Any = self.redis.info("commandstats")
        called = sum(row["calls"] for name, row in stats.items() if name not in ("cmdstat_info", "cmdstat_evalsha"))
        return stats["cmdstat_evalsha"]["usec"], called


class Before(Side):
    """The scripts of another revision, and the keys as it writes them."""

    def __init__(self, client: redis.Redis, revision: str) -> None:
        super().__init__(client, "g")
        log = [self._source(revision, f"app/message_log/lua/{name}.lua") for name in ("log", "append")]
        presence = [self._source(revision, f"app/fanout/lua/{name}.lua") for name in ("announce", "presence")]
        self.append._script = client.register_script("\n".join([KIND_CONSTANTS + PRIVATE_CONSTANT, *log]))
        for changes in self.presence.values():
            changes._script = client.register_script("\n".join(presence))

    def load(self, size: int) -> None:
        empty = {"o": pack([1]), "a": pack([]), "f": pack({}), "i": pack({}), "b": pack([]), "w": 0, "s": 0, "lv": 0}
        key, members = keys.FIRST.conversation(size), pack(list(range(1, size + 1)))
        self.redis.hset(key, mapping={"m": members, "k": "direct" if size == 2 else "group", **empty})

    @staticmethod
    def _source(revision: str, path: str) -> str:
        return subprocess.run(["git", "show", f"{revision}:{path}"], check=True, capture_output=True, text=True).stdout


def compare(sides: list[Side], size: int, *, churn: bool, rounds: int) -> list[tuple[float, int]]:
    """Returns (µs, commands) of a message for each side: the median of all messages, in blocks that alternate."""
    seen: list[list[tuple[int, int]]] = [[] for _ in sides]
    for _ in range(rounds * BLOCKS.get(size, 1)):
        for side, mine in zip(sides, seen, strict=True):
            count = MESSAGES_BEFORE.get(size, MESSAGES) if isinstance(side, Before) else MESSAGES
            block = [side.send(size, churn=churn) for _ in range(count)]
            mine.extend(block[4:])  # caches fill
    return [(median(us for us, _ in mine), int(median(n for _, n in mine))) for mine in seen]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="main", help="a git revision")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=sorted(SIZES.values()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        stores = [EmbeddedStores(Path(directory) / name, postgres=False) for name in ("before", "after")]
        with stores[0], stores[1]:
            run(options, *(each.valkey.client() for each in stores))


def run(options: argparse.Namespace, one: redis.Redis, other: redis.Redis) -> None:
    sides = [Before(one, options.before), Side(other, keys.ROSTER_MARK)]
    print("| group, all online over 50 gateways | | before µs | commands | after µs | commands | after/before |")
    print("|---|---|---|---|---|---|---|")
    online = 0
    for name, size in SIZES.items():
        if size not in options.sizes:
            continue
        for side in sides:
            side.load(size)
            side.all_come(range(online + 1, size + 1))
            side.read_all()
        online = size
        for churn in (False, True):
            (was, calls), (now, calls_now) = compare(sides, size, churn=churn, rounds=options.rounds)
            row = f"{name} | {'churn' if churn else 'quiet'} | {was:,.0f} | {calls} | {now:,.0f} | {calls_now}"
            print(f"| {row} | {now / was:.3f} |", flush=True)


if __name__ == "__main__":
    main()
