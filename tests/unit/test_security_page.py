"""In docs/security.md, rows that hold name tests that exist, and all other rows state what does not hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
TEST = re.compile(r"`(tests/[\w/.]+\.py)::(test_\w+)`")
PROMISES, ASVS, SHEET = (
    "## What is promised",
    "## OWASP Application Security Verification Standard 5.0",
    "## OWASP WebSocket Security Cheat Sheet",
)


def rows(heading: str) -> list[list[str]]:
    """Returns the cells of the table below a heading, without its head."""
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def exists(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and re.search(rf"^ *(async )?def {name}\(", file.read_text(), re.MULTILINE) is not None


def test_every_named_test_exists() -> None:
    named = TEST.findall(PAGE)
    assert len(named) > 50
    assert [f"{path}::{name}" for path, name in named if not exists(path, name)] == []


def test_every_promise_names_a_test() -> None:
    assert [row[0] for row in rows(PROMISES) if not TEST.search(row[1])] == []


@pytest.mark.parametrize("heading", [ASVS, SHEET])
def test_every_row_names_a_test_or_says_that_it_does_not_hold(heading: str) -> None:
    states = [row[-1] for row in rows(heading)]
    assert len(states) > 10
    wrong = [s for s in states if bool(TEST.search(s)) != s.startswith("holds: ")]
    wrong += [s for s in states if not re.match(r"holds: |does not (hold|apply)\b.*: ", s)]
    assert wrong == []
