"""``python -m bench.shard_throughput``: messages per second with 1 and 2 shards if Redis is what limits them.

1,000 pairs as in P2, with 500 messages outstanding. Each Redis may run only for a share of the time
(``bench.slow_redis``), so that it is busy before the web process, the worker, Postgres and the generator are. Prints
what each Redis used of a core: a run in which they used less than their share shows nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.loop import BenchError
from bench.one_stack import one_stack, save
from bench.scenarios import Figures, throughput
from bench.shards import PAIRS, OneShard, Sharded, TwoShards
from bench.stack import Stack

SHARE, SECONDS, TURNS, OUTSTANDING = 0.15, 10.0, 3, 500


@contextmanager
def slowed(stack: Stack, share: float) -> Iterator[None]:
    """Lets each server of the shards run for ``share`` of the time within the block."""
    servers = [process for role, process in stack.processes if role.startswith("redis-")]
    stack.start("slow", [sys.executable, "-m", "bench.slow_redis", str(share), *(str(one.pid) for one in servers)])
    _, slow = stack.processes.pop()
    try:
        yield
        if slow.poll() is not None:
            raise BenchError("bench.slow_redis ended too early, so the servers ran at full speed")
    finally:
        slow.terminate()
        slow.wait(5)


def measure(kind: type[Sharded], share: float, seconds: float) -> Figures:
    """Returns the figures of P2 with 1,000 pairs, and what each Redis used of a core."""
    with one_stack(kind, 2 * PAIRS, both_cores=True) as system:
        figures = throughput(system, seconds, PAIRS, OUTSTANDING, within=lambda: slowed(system.stack, share))
    per_second = figures["messages_per_second"] / 1e6
    used = [round(figures[f"cpu_us_redis-{number}"] * per_second, 2) for number in range(kind.shards)]
    return {**figures, "redis_cores": used}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.shard_throughput", description=__doc__)
    parser.add_argument("--share", type=float, default=SHARE, help=f"of the time for each Redis (default {SHARE})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each measurement (default {SECONDS:g})")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"with both (default {TURNS})")
    options = parser.parse_args()
    usable = os.sched_getaffinity(0)
    turns = []
    for number in range(options.turns):
        pair = []
        for kind in (OneShard, TwoShards):
            os.sched_setaffinity(0, usable)  # one_stack takes a core of it for this process
            pair.append(measure(kind, options.share, options.seconds))
            rate, used = pair[-1]["messages_per_second"], pair[-1]["redis_cores"]
            print(f"turn {number}: {kind.shards} shards: {rate:,.0f} messages/s, cores of Redis: {used}", flush=True)
        print(f"turn {number}: {pair[1]['messages_per_second'] / pair[0]['messages_per_second']:.2f} times", flush=True)
        turns.append(pair)
    save("shard-throughput", {"share": options.share, "turns": turns})
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
