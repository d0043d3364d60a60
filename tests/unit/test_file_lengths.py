"""`make check` finds source files that are too long, and exceptions that are not needed any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.file_lengths import MOST_LINES, problems


def write(path: Path, lines: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x\n" * lines)


@pytest.mark.parametrize("name", ["a.py", "b.js", "c.mjs", "d.lua"])
def test_long_source_is_a_problem(tmp_path: Path, name: str) -> None:
    write(tmp_path / "app" / name, MOST_LINES)
    assert problems(tmp_path, {}) == ""
    write(tmp_path / "app" / name, MOST_LINES + 1)
    assert problems(tmp_path, {}).startswith(f"app/{name} has {MOST_LINES + 1} lines")


def test_other_files_and_installed_packages_do_not_count(tmp_path: Path) -> None:
    for name in ("README.md", ".venv/a.py", "client/node_modules/b.js"):
        write(tmp_path / name, MOST_LINES + 1)
    assert problems(tmp_path, {}) == ""


def test_exception_holds_as_long_as_a_file_needs_it(tmp_path: Path) -> None:
    exceptions = {"names/*.js": "tables"}
    write(tmp_path / "names" / "de.js", MOST_LINES + 1)
    assert problems(tmp_path, exceptions) == ""
    write(tmp_path / "names" / "de.js", MOST_LINES)
    assert "no file of names/*.js is too long" in problems(tmp_path, exceptions)
