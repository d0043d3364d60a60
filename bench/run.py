"""``python -m bench.run``: measures Parley and two peers in one run and prints one table. See bench/README.md."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

from msgspec import MsgspecError

from bench import scenarios
from bench.group_scenarios import group_chat, large_group
from bench.loop import BenchError
from bench.machine import core_speed, cores, describe
from bench.node_peer import SocketIoNode
from bench.procfs import cpu_seconds
from bench.profile import Profiler
from bench.reading import reading
from bench.report import Results, compare, median_of, table
from bench.scenarios import Figures
from bench.stack import prepare
from bench.systems import ROOT, FlaskSocketIo, Parley, System

OUT = ROOT / ".data" / "bench"
USERS = 10_100
# An idle stack uses less of a core than this, on average over LOOK_SECONDS.
IDLE_CORE, IDLE_WITHIN_SECONDS, LOOK_SECONDS = 0.06, 30.0, 4.0
STORM_FIRST_USER = 5_000  # higher than all users of P2, P3, groups and growth
READING_FIRST_USER = 9_000
SYSTEMS: dict[str, type[System]] = {"peer": FlaskSocketIo, "node": SocketIoNode, "parley": Parley}
SCENARIOS = ["P1", "P2", "P3", "P4", "P5", "growth pairs", "P2 sse", "P2 longpoll", "P7", "P6", "growth web"]
ONLY_PARLEY = SCENARIOS[6:]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        metavar="SCENARIO",
        choices=[*SCENARIOS, "growth"],
        help=f"one of {', '.join(SCENARIOS)}; repeat it for several (default: all)",
    )
    parser.add_argument("--system", choices=list(SYSTEMS), help="measure only one system, without ratios")
    parser.add_argument(
        "--seconds",
        type=float,
        default=15.0,
        help="length of P2, P3 and P6 after warm-up (default 15); at most 10 for P4 and P7",
    )
    parser.add_argument("--pairs", type=int, default=50, help="pairs of P2 and P3 (default 50)")
    parser.add_argument("--rounds", type=int, default=1, help="number of rounds; medians are printed (default 1)")
    parser.add_argument("--profile", action="store_true", help="run py-spy on web and worker in P2 and P3")
    return parser.parse_args()


def wanted(options: argparse.Namespace, name: str, scenario: str) -> bool:
    if options.system not in (None, name) or (name != "parley" and scenario in ONLY_PARLEY):
        return False
    if not options.only or scenario in options.only:
        return True
    return "growth" in options.only and scenario.startswith("growth")


def jobs(options: argparse.Namespace) -> dict[str, Callable[[System], Figures]]:
    """Returns all scenarios that share one stack, in the order in which they run."""
    seconds, pairs, outstanding = options.seconds, options.pairs, 4 * options.pairs
    return {
        "P1": lambda system: scenarios.idle_memory(system, [2_000, 10_000] if system.name == "parley" else [2_000]),
        "P5": lambda system: scenarios.reconnect_storm(system, STORM_FIRST_USER),
        "P2": lambda system: scenarios.throughput(system, seconds, pairs, outstanding),
        "P3": lambda system: scenarios.steady(system, seconds, pairs),
        "P4": lambda system: group_chat(system, min(seconds, 10), min(seconds, 5)),
        "growth pairs": lambda system: scenarios.throughput(system, seconds, 1_000, 200),
        "P2 sse": lambda system: scenarios.throughput(system, seconds, pairs, outstanding, "sse"),
        "P2 longpoll": lambda system: scenarios.throughput(system, seconds, pairs, outstanding, "longpoll"),
        "P7": lambda system: large_group(system, min(seconds, 10)),
        "P6": lambda system: reading(system, seconds, READING_FIRST_USER),
    }


class Run:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.failures: list[str] = []
        self.stack_cores, self.generator_cores = cores()

    def round(self) -> Results:
        results: Results = {}
        for name, system in SYSTEMS.items():
            results[name] = {}
            todo = {key: job for key, job in jobs(self.options).items() if wanted(self.options, name, key)}
            while todo:
                self._on_fresh_stack(system(OUT / f"stack-{os.getpid()}", self.stack_cores), todo, results[name])
        if wanted(self.options, "parley", "growth web"):
            both_cores = self.stack_cores | self.generator_cores
            todo = {"growth web": jobs(self.options)["P2"]}
            self._on_fresh_stack(
                Parley(OUT / f"stack-{os.getpid()}", both_cores, web_processes=2), todo, results["parley"]
            )
        return results

    def _on_fresh_stack(
        self, system: System, todo: dict[str, Callable[[System], Figures]], results: dict[str, Figures]
    ) -> None:
        """Runs the scenarios of ``todo`` until none is left or one fails; the rest gets another stack."""
        scenario = "start"
        try:
            print(f"{system.name}: starting", flush=True)
            system.start(USERS)
            while todo:
                scenario, job = next(iter(todo.items()))
                results[scenario] = self._measure(system, scenario, job)
                del todo[scenario]
        except (BenchError, OSError, LookupError, SubprocessError, MsgspecError) as error:
            print(system.stack.log_tails())
            print(f"{system.name} {scenario} FAILED: {error}", flush=True)
            self.failures.append(f"{system.name} {scenario}: {error}")
            if scenario == "start":
                todo.clear()
            todo.pop(scenario, None)
        finally:
            system.stop()

    def _measure(self, system: System, scenario: str, job: Callable[[System], Figures]) -> Figures:
        wait_until_idle(system)
        speed = core_speed(self.stack_cores, self.generator_cores)
        with Profiler(self.options, system, scenario, OUT):
            figures = job(system)
        figures["core_speed"] = (speed + core_speed(self.stack_cores, self.generator_cores)) / 2
        shown = ", ".join(f"{key} {value:,.{0 if value >= 100 else 2}f}" for key, value in figures.items())
        print(f"  {system.name} {scenario}: {shown}", flush=True)
        return figures


def wait_until_idle(system: System) -> None:
    """Waits until the stack is idle, for at most half a minute.

    Background work (a vacuum, a rewrite of the append-only file, the search index of 10,100 new users) must not count
    here. It may begin at any tick of beat, so the look lasts longer than the three seconds between two ticks.
    """
    deadline = time.monotonic() + IDLE_WITHIN_SECONDS
    used = IDLE_CORE
    while used >= IDLE_CORE and time.monotonic() < deadline:
        before = sum(cpu_seconds(system.stack.roots).values())
        time.sleep(LOOK_SECONDS)
        used = (sum(cpu_seconds(system.stack.roots).values()) - before) / LOOK_SECONDS


def save(run: Run, rounds: list[Results], rows: list[dict[str, Any]]) -> Path:
    path = OUT / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    whole = {
        "machine": describe(),
        "options": vars(run.options),
        "failures": run.failures,
        "table": rows,
        "rounds": rounds,
    }
    path.write_text(json.dumps(whole, indent=1))
    return path


def warn_of_drift(results: Results) -> None:
    """Prints a warning if the machine was not equally fast for all systems, because then the ratios are not fair."""
    for name in ("peer", "node"):
        for scenario, peers in results.get(name, {}).items():
            ours = results.get("parley", {}).get(scenario)
            drift = ours["core_speed"] / peers["core_speed"] if ours else 1.0
            if abs(drift - 1) > 0.15:
                print(f"{scenario}: the core was {drift:.2f}× as fast for Parley as for {name}. Measure again.")


def main() -> int:
    options = parse_arguments()
    lock = prepare(OUT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # runs the finally blocks, which stop the stack
    run = Run(options)
    os.sched_setaffinity(0, run.generator_cores)
    rounds = [run.round() for _ in range(options.rounds)]
    results = median_of(rounds)
    rows = compare(results)
    print(f"\n{table(rows)}\n")
    warn_of_drift(results)
    print(save(run, rounds, rows))
    for failure in run.failures:
        print(f"FAILED {failure.splitlines()[0]}", file=sys.stderr)
    lock.close()
    return 1 if run.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
