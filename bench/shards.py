"""``python -m bench.shards``: P9, the work of each Redis with 1, 2 and 4 shards, for the same load of 1,000 pairs.

Counts commands (INFO commandstats, also those that scripts call) and bytes in and out (INFO stats) of each server.
Unlike times, they hardly depend on how busy the machine is. The broker has a Redis of its own. Before the messages, it
counts the same while nothing happens.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import cycle
from typing import NamedTuple

import redis

from bench.ledger import Ledger
from bench.loop import BenchError
from bench.one_stack import one_stack, save
from bench.scenarios import Figures, connect_pairs, fresh_loop, paced, settle
from bench.systems import Parley

PAIRS, RATE, SECONDS, WARM_UP_SECONDS = 1_000, 500.0, 20.0, 4.0
IDLE_SECONDS = 6.0
MARKS_SECONDS = 4.0  # delivered marks follow the messages


class Work(NamedTuple):
    """``records``: each message and each mark is pushed to a tail once."""

    commands: int
    bytes_in: int
    bytes_out: int
    records: int


class Sharded(Parley):
    """``servers`` are the URLs of the servers, one for each shard. ``redis_url`` is only the broker."""

    shards = 1

    def start(self, users: int) -> None:
        self.servers = [self.stack.start_redis(append_only=True, role=f"redis-{n}") for n in range(self.shards)]
        type(self).settings = {
            "REDIS_URL": self.servers[0],
            "REDIS_SHARD_URLS": " ".join(self.servers),
        }
        super().start(users)

    def work(self) -> list[Work]:
        return [_work(url) for url in self.servers]


class OneShard(Sharded):
    shards = 1


class TwoShards(Sharded):
    shards = 2


class FourShards(Sharded):
    shards = 4


def _work(url: str) -> Work:
    with redis.Redis.from_url(url) as client:
        commands: dict[str, dict[str, int]] = client.info("commandstats")
        stats = client.info("stats")
    calls = sum(stat["calls"] for name, stat in commands.items() if name != "cmdstat_info")
    records = commands.get("cmdstat_rpush", {"calls": 0})["calls"]
    return Work(calls, stats["total_net_input_bytes"], stats["total_net_output_bytes"], records)


def _since(before: list[Work], after: list[Work]) -> list[Work]:
    return [Work(*(b - a for a, b in zip(*of_server, strict=True))) for of_server in zip(before, after, strict=True)]


def measure(system: Sharded, rate: float, outstanding: int, seconds: float) -> list[Work]:
    """Returns the work of each server from the first message until the marks of the last one are stored."""
    with fresh_loop(system) as loop:
        ledger = Ledger()
        in_turn = cycle(connect_pairs(system, loop, ledger, PAIRS, "websocket"))

        def send(for_seconds: float) -> None:
            if outstanding:
                ledger.on_receipt = lambda _pair: ledger.send(next(in_turn))
                for _ in range(outstanding):
                    ledger.send(next(in_turn))
                loop.sleep(for_seconds)
                ledger.on_receipt = None
            else:
                loop.run(lambda: False, for_seconds, paced(ledger, in_turn, rate))
            settle(loop, ledger)
            loop.sleep(MARKS_SECONDS)

        send(WARM_UP_SECONDS)
        before = system.work()
        loop.sleep(IDLE_SECONDS)
        idle = _since(before, system.work())
        print(f"  idle, per second: {[_each(work, IDLE_SECONDS) for work in idle]}", flush=True)
        before = system.work()
        send(seconds)
        return _since(before, system.work())


def _each(work: Work, divisor: float) -> tuple[float, ...]:
    return tuple(round(value / divisor, 2) for value in work)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.shards", description=__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="messages per second (default 500)")
    parser.add_argument("--outstanding", type=int, default=0, help="as fast as possible, with so many on the way")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of the load (default 20)")
    options = parser.parse_args()
    figures: Figures = {}
    usable = os.sched_getaffinity(0)
    for kind in (OneShard, TwoShards, FourShards):
        os.sched_setaffinity(0, usable)  # one_stack takes a core of it for this process
        with one_stack(kind, 2 * PAIRS, both_cores=True) as system:
            works = measure(system, options.rate, options.outstanding, options.seconds)
        for number, work in enumerate(works):
            each = dict(zip(Work._fields, _each(work, sum(one.records for one in works)), strict=True))
            figures[f"{kind.shards} shards, server {number}"] = each
            print(f"{kind.shards} shards, server {number}, per record of the deployment: {each}", flush=True)
    save("shards", figures)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
