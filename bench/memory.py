"""``python -m bench.memory`` measures the memory of Parley's own processes at rest, after the start and after some
messages.

Prints the proportional set size of each role: private pages plus the process's share of shared pages.
"""

from __future__ import annotations

import os
import sys
import time

from bench import scenarios
from bench.loop import BenchError
from bench.procfs import pss_kib, trees
from bench.run import OUT
from bench.stack import prepare
from bench.systems import Parley

USERS = 200
REST_SECONDS = 15.0  # the pool of the worker is complete, and beat has sent its first tasks
MESSAGES_SECONDS = 5.0
PAIRS = 50


def main() -> int:
    lock = prepare(OUT)
    system = Parley(OUT / "memory", set(range(os.cpu_count() or 1)))
    try:
        system.start(USERS)
        time.sleep(REST_SECONDS)
        print(show("after the start", system))
        scenarios.steady(system, MESSAGES_SECONDS, PAIRS)
        time.sleep(REST_SECONDS)
        print(show("after messages", system))
    except BenchError as error:
        print(f"{error}\n{system.stack.log_tails()}", file=sys.stderr)
        return 1
    finally:
        system.stop()
        lock.close()
    return 0


def show(when: str, system: Parley) -> str:
    """Returns a line with MiB by role, the number of processes behind each, and the sum of Parley's own."""
    sizes, roles = pss_kib(system.stack.roots), list(trees(system.stack.roots).values())
    own = [role for role in ("web", "worker", "beat") if role in sizes]
    parts = [f"{role} {sizes[role] / 1024:.0f} ({roles.count(role)})" for role in own]
    return f"{when}: {sum(sizes[role] for role in own) / 1024:.0f} MiB: {', '.join(parts)}"


if __name__ == "__main__":
    sys.exit(main())
