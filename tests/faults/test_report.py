"""The summary of `make faults` counts every run, and shows the worst."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.report import BEGIN, END, table, write

RUNS = [
    {"fault": "b", "seed": 1, "passed": True, "date": "2026-01-01", "acked": 10, "first_ack": 0.5, "up_to_date": 1.0},
    {"fault": "b", "seed": 2, "passed": True, "date": "2026-01-02", "acked": 20, "first_ack": 2.5, "up_to_date": 3.0},
    {"fault": "b", "seed": 3, "passed": False, "date": "2026-01-02", "acked": 5, "first_ack": 1.0, "up_to_date": 1.5},
    {"fault": "a", "seed": 1, "passed": True, "date": "2026-01-01"},
]
LINES = [json.dumps(run) for run in RUNS]


def test_table_has_a_row_for_each_fault() -> None:
    summary, _, _, _, *rows = table(LINES).splitlines()
    assert summary == "2026-01-01 to 2026-01-02: 4 runs of 2 faults, 35 acked messages, 1 failed runs."
    assert rows == [
        "| a | 1 | 1–1 | 0 | – | – | – | – | – |",
        "| b | 3 | 1–3 | 1 | 35 | 1.00; 2.50 s | 1.50; 3.00 s | – | – |",
    ]


def test_table_replaces_the_last_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write("new", page)
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
