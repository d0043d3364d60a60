"""CPU and memory of a stack by role, from the kernel's accounting. Linux only."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def _stat(pid: int) -> tuple[int, int] | None:
    """Returns the parent and the CPU ticks (its own and those of reaped children), or None if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), sum(int(field) for field in fields[11:15])


def trees(roots: dict[int, str]) -> dict[int, str]:
    """Returns every living process of the stack with its role: the roots and all their descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(int(entry))):
            children[stat[0]].append(int(entry))
    roles: dict[int, str] = {}
    waiting = list(roots.items())
    while waiting:
        pid, role = waiting.pop()
        roles[pid] = role
        waiting += [(child, role) for child in children[pid]]
    return roles


def cpu_seconds(roots: dict[int, str]) -> dict[str, float]:
    """Returns utime + stime of each process and of its ended children, summed by role."""
    seconds: dict[str, float] = defaultdict(float)
    for pid, role in trees(roots).items():
        if stat := _stat(pid):
            seconds[role] += stat[1] / TICKS
    return dict(seconds)


def pss_kib(roots: dict[int, str]) -> dict[str, int]:
    """Returns the proportional set size by role: private pages plus the process's share of shared pages."""
    sizes: dict[str, int] = defaultdict(int)
    for pid, role in trees(roots).items():
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        sizes[role] += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return dict(sizes)


def rss_kib(pids: list[int]) -> int:
    """Returns the resident size of these processes together, from counters of the kernel, in a few µs per process.

    ``pss_kib`` walks every page, which takes milliseconds per process. Callers must not measure anything else at the
    same time.
    """
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KIB for pid in pids)
