"""The machine of the benchmark: its cores, their current speed, its limits."""

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
    """Returns the stack's core and the generator's core. Raises BenchError if there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise BenchError("the benchmark needs two cores: one for the stack and one for the generator")
    return {usable[0]}, {usable[-1]}


def core_speed(cores_to_try: set[int], home: set[int]) -> float:
    """Returns millions of rounds of an empty Python loop per second of CPU time; the best of five tries.

    The figure shows how much the rest of the machine (or its host) slows a core from one scenario to the next.
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
    """Takes the lock, because two runs at once would measure each other. Closing the returned file releases it."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BenchError(f"another run holds {path}; two runs at once would measure each other") from None
    return lock


def raise_file_limit() -> None:
    """Raises the limit for 10,000 sockets here and 10,000 in the server, which inherits it.

    Raises BenchError if the hard limit is too low.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= FILES_NEEDED:
        return
    if hard != resource.RLIM_INFINITY and hard < FILES_NEEDED:
        raise BenchError(f"P1 needs {FILES_NEEDED} open files, but the hard limit is {hard}; raise it (ulimit -Hn)")
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
