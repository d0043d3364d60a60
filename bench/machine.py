"""The machine that is measured on: its cores, how fast they are just now, its limits."""

from __future__ import annotations

import fcntl
import os
import platform
import resource
import time
from pathlib import Path
from typing import TextIO

from bench.loop import BenchError

FILES_NEEDED = 16_384


def cores() -> tuple[set[int], set[int]]:
    """(the stack's core, the generator's)."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise BenchError("two cores are needed: one for the stack, one for the generator")
    return {usable[0]}, {usable[-1]}


def core_speed(cores_to_try: set[int], home: set[int]) -> float:
    """Million rounds of an empty Python loop a second of CPU time, on those cores; the best of five tries.

    It tells how much the rest of the machine (or of its host) slows a core between one scenario and the next.
    """
    os.sched_setaffinity(0, cores_to_try)
    try:
        return max(_try_speed() for _ in range(5))
    finally:
        os.sched_setaffinity(0, home)


def _try_speed(rounds: int = 500_000) -> float:
    began = time.process_time()
    for _ in range(rounds):
        pass
    return rounds / 1e6 / (time.process_time() - began)


def only_one(path: Path) -> TextIO:
    """Hold the lock while the answer is open. Two runs at once would measure each other."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BenchError(f"another run is under way (it holds {path}); two would measure each other") from None
    return lock


def raise_file_limit() -> None:
    """10,000 sockets here and 10,000 in the server, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= FILES_NEEDED:
        return
    if hard != resource.RLIM_INFINITY and hard < FILES_NEEDED:
        raise BenchError(f"P1 needs {FILES_NEEDED} open files, the hard limit is {hard}: raise it (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, hard))


def describe() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else "unknown",
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
