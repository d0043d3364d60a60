"""``python -m bench.attack`` measures how much one attacker at full speed slows down the others.

50 pairs chat at the fixed rate of P3, first without an attacker and then beside one of each kind
(``bench/flood.py``), on one stack with the default limits. An attacker has an account and an address of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from operator import itemgetter
from typing import ClassVar

from bench import scenarios
from bench.flood import KINDS
from bench.ledger import Ledger, Pair
from bench.loop import BenchError, Loop
from bench.one_stack import one_stack, save
from bench.systems import ROOT, Parley

PAIRS, RATE = 50, 200.0
ATTACKER = 2 * PAIRS  # the number of its user
MUST_RATIO = 3.0
START_SECONDS = 4.0  # of an attacker's process, which then uses up what everybody may do at once
ALONE = "alone"


class LimitedParley(Parley):
    settings: ClassVar[dict[str, str]] = {
        "SEND_RATE": "50",
        "SEND_BURST": "500",
        "AUTH_ATTEMPTS_PER_MINUTE": "30",
        "WRITES_PER_MINUTE": "300",
        "CONNECTIONS_PER_SECOND": "100",
    }


@contextmanager
def attacker(system: Parley, kind: str, seconds: float) -> Iterator[None]:
    """Runs an attacker of this kind; for ``ALONE``, runs none."""
    if kind == ALONE:
        yield
        return
    token, user_id = system.tokens[ATTACKER], system.user_ids[ATTACKER]
    arguments = [kind, str(system.port), token, str(user_id), str(seconds)]
    process = subprocess.Popen([sys.executable, "-m", "bench.flood", *arguments], cwd=ROOT)
    try:
        yield
        if process.poll() not in (None, 0):
            raise BenchError(f"the attacker of {kind} ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()


def chat(loop: Loop, ledger: Ledger, in_turn: Iterator[Pair], seconds: float) -> None:
    loop.run(lambda: False, seconds, scenarios.paced(ledger, in_turn, RATE))


def measure(system: Parley, seconds: float) -> dict[str, dict[str, float]]:
    """Returns the latencies by kind of attack. ``ALONE`` is measured first and last; the faster measurement counts."""
    figures: dict[str, dict[str, float]] = {}
    with scenarios.fresh_loop(system) as loop:
        ledger = Ledger()
        in_turn = cycle(scenarios.connect_pairs(system, loop, ledger, PAIRS, "websocket"))
        chat(loop, ledger, in_turn, scenarios.WARM_UP)
        for kind in (ALONE, *KINDS, ALONE):
            with attacker(system, kind, seconds + START_SECONDS + 1.0):
                chat(loop, ledger, in_turn, START_SECONDS)
                ledger.forget_times()
                chat(loop, ledger, in_turn, seconds)
            times = ledger.times()
            figures[kind] = min(times, figures.get(kind, times), key=itemgetter("receive_p99_ms"))
            scenarios.settle(loop, ledger)
    return figures


def report(figures: dict[str, dict[str, float]]) -> bool:
    """Prints a line for each kind. Returns False if one is above the limit."""
    base = figures[ALONE]["receive_p99_ms"]
    for kind, times in figures.items():
        ratio = times["receive_p99_ms"] / base
        shown = ", ".join(f"{name} {value:.2f}" for name, value in times.items())
        print(f"  {kind:20} {ratio:5.2f}×  {shown}")
    worst = max(times["receive_p99_ms"] for times in figures.values()) / base
    print(f"send → receive p99 beside the worst attacker {worst:.2f}× (must {MUST_RATIO})")
    return worst <= MUST_RATIO


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each part (default 8)")
    options = parser.parse_args()
    with one_stack(LimitedParley, ATTACKER + 1) as system:
        figures = measure(system, options.seconds)
    save("attack", figures)
    return 0 if report(figures) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
