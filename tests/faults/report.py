"""``python -m tests.faults.report FILE``: writes the summary of a run of `make faults` into docs/reliability.md.

FILE has one JSON line per scenario and seed (conftest.py). Runs of the same scenario are put together.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- begin: make faults -->", "<!-- end: make faults -->"
TIMES = ("first_ack", "up_to_date", "delivery_p99", "refusal")
COLUMNS = (
    "fault",
    "runs",
    "seeds",
    "failed runs",
    "messages acked",
    "first ack after the end: median; worst",
    "all clients up to date: median; worst",
    "p99 of delivery: median; worst",
    "longest wait for an error: median; worst",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def table(lines: Iterable[str]) -> str:
    """Returns the date, the totals and one row per fault."""
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        run = json.loads(line)
        runs[run["fault"]].append(run)
    every = [run for of_fault in runs.values() for run in of_fault]
    days = sorted({run["date"] for run in every})
    failed = sum(not run["passed"] for run in every)
    acked = sum(run.get("acked", 0) for run in every)
    span = " to ".join(days[:: max(1, len(days) - 1)])
    total = f"{span}: {len(every)} runs of {len(runs)} faults, {acked:,} acked messages, "
    rows = "\n".join(_row(fault, of_fault) for fault, of_fault in sorted(runs.items()))
    return f"{total}{failed} failed runs.\n\n{HEAD}\n{rows}"


def _row(fault: str, runs: list[dict[str, Any]]) -> str:
    seeds = sorted({run["seed"] for run in runs if run["seed"] is not None})
    shown = f"{seeds[0]}–{seeds[-1]}" if seeds else "–"
    failed = sum(not run["passed"] for run in runs)
    acked = sum(run.get("acked", 0) for run in runs)
    times = [_times([run[name] for run in runs if name in run]) for name in TIMES]
    return f"| {fault} | {len(runs)} | {shown} | {failed} | {acked or '–'} | {' | '.join(times)} |"


def _times(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f}; {max(seconds):.2f} s" if seconds else "–"


def write(text: str, page: Path = PAGE) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(table(line for name in sys.argv[1:] for line in Path(name).read_text(encoding="utf-8").splitlines()))
