"""Where the tests get their browser from, and what is said where none can be had."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e import browser

NOWHERE: Any = SimpleNamespace(chromium=SimpleNamespace(executable_path="/nowhere/chrome"))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A machine without a browser: what is run is kept, and brings none."""
    run: list[list[str]] = []
    monkeypatch.setattr(browser, "_run", run.append)
    monkeypatch.setattr(browser, "PLACES", ())
    monkeypatch.delenv("PARLEY_TEST_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return run


def test_without_any_browser_there_is_one_line_to_type(commands: list[list[str]]) -> None:
    with pytest.raises(RuntimeError, match=r"-m playwright install --with-deps chromium$") as told:
        browser._executable(NOWHERE)
    assert "\n" not in str(told.value)
    assert commands == [[*browser.INSTALL, "chromium"]]


def test_the_system_s_package_is_tried_where_it_may_be(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "apt-get").touch(0o755)
    with pytest.raises(RuntimeError):
        browser._executable(NOWHERE)
    assert commands[1:] == [["apt-get", "update"], commands[2]]
    assert commands[2][:2] == ["apt-get", "install"]


def test_one_that_is_there_is_taken(commands: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "chromium").touch(0o755)
    assert browser._executable(NOWHERE) == str(tmp_path / "chromium")
    assert commands == []
