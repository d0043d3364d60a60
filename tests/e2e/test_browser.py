"""The sources of the tests' browser, and the error without any."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e import browser

NOWHERE: Any = SimpleNamespace(chromium=SimpleNamespace(executable_path="/nowhere/chromium-1/chrome-linux/chrome"))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A machine without a browser: commands are recorded and install none."""
    run: list[list[str]] = []
    monkeypatch.setattr(browser, "_run", run.append)
    monkeypatch.setattr(browser, "PLACES", ())
    monkeypatch.delenv("PARLEY_TEST_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return run


def test_error_without_a_browser_names_the_install_command(commands: list[list[str]]) -> None:
    with pytest.raises(RuntimeError, match=r"-m playwright install --with-deps chromium$") as caught:
        browser._executable(NOWHERE)
    assert "\n" not in str(caught.value)
    assert commands == [[*browser.INSTALL, "chromium"]]


def test_system_package_is_tried_if_permitted(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "apt-get").touch(0o755)
    with pytest.raises(RuntimeError):
        browser._executable(NOWHERE)
    assert commands[1:] == [["apt-get", "update"], commands[2]]
    assert commands[2][:2] == ["apt-get", "install"]


def test_installed_browser_is_used(commands: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "chromium").touch(0o755)
    assert browser._executable(NOWHERE) == str(tmp_path / "chromium")
    assert commands == []


def test_shell_is_preferred_unless_a_browser_is_named(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "chromium").touch(0o755)
    assert browser._shell(NOWHERE) is None
    (tmp_path / browser.SHELL_NAMES[0]).touch(0o755)
    assert browser._shell(NOWHERE) == str(tmp_path / browser.SHELL_NAMES[0])
    monkeypatch.setenv("PARLEY_TEST_BROWSER", "/somewhere/browser")
    assert browser._shell(NOWHERE) is None
    assert commands == []


def test_shell_of_playwright_is_found(commands: list[list[str]], tmp_path: Path) -> None:
    own = tmp_path / "chromium-1" / "chrome-linux" / "chrome"
    shell = tmp_path / "chromium_headless_shell-1" / "chrome-linux" / "chrome-headless-shell"
    for program in (own, shell):
        program.parent.mkdir(parents=True)
        program.touch(0o755)
    playwright: Any = SimpleNamespace(chromium=SimpleNamespace(executable_path=str(own)))
    assert browser._shell(playwright) == str(shell)


def test_launcher_disables_features_beside_those_of_playwright(tmp_path: Path) -> None:
    program = tmp_path / "a browser"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    launcher = browser.write_launcher(tmp_path, str(program))
    arguments = ["--headless", "--disable-features=PaintHolding", "--host-resolver-rules=MAP one two", ""]
    passed = subprocess.run([launcher, *arguments], capture_output=True, text=True, check=True).stdout
    arguments[1] += "," + ",".join(browser.UNUSED_FEATURES)
    assert passed.splitlines() == arguments
