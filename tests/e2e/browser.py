"""A real browser for tests: headless Chromium, driven by playwright.

It uses an installed browser, else playwright's own download, else the system's package if that can be installed.
Without any browser the tests fail with the command that installs one; they are never skipped.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

SHELL_NAMES = ("chromium-headless-shell", "chrome-headless-shell")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
INSTALL = [sys.executable, "-m", "playwright", "install"]
INSTALL_SECONDS = 300
# Microphones that hum, with permission to use them. No sandbox under root, because Chromium refuses to start with it.
# One name, beside 127.0.0.1, leads to this machine: browsers trust the number, but plain http to a name is not secure.
PLAIN_HOST = "parley.example"
FLAGS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1",
    "--disable-gpu",  # which software would imitate
]
# Chromium loads two pages for the pop-ups of its address bar with every window, which cost as much CPU as our own page.
# The spare renderer of each window is not used either.
UNUSED_FEATURES = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "SpareRendererForSitePerProcess",
)
# Chromium obeys only the last --disable-features, and playwright passes one of its own.
LAUNCHER = """#!/bin/sh
for argument do
  case $argument in --disable-features=*) argument="$argument,{features}" ;; esac
  shift
  set -- "$@" "$argument"
done
exec {executable} "$@"
"""


class Browsers:
    """Starts each kind of browser when it is first used. A process shares one, since it cannot run two playwrights."""

    def __init__(self, playwright: Playwright, directory: Path) -> None:
        self._playwright, self._directory = playwright, directory
        self._started: dict[bool, Browser] = {}

    def get(self, *, full: bool = False) -> Browser:
        """Returns Chromium's headless shell, which takes two thirds of the CPU time of the ``full`` browser but has no
        notifications. Without a shell on this machine, it is the full browser as well.
        """
        if full not in self._started:
            executable = None if full else _shell(self._playwright)
            launcher = write_launcher(self._directory, executable or _executable(self._playwright))
            self._started[full] = self._playwright.chromium.launch(executable_path=launcher, args=_flags())
        return self._started[full]

    def close(self) -> None:
        for browser in self._started.values():
            browser.close()


@contextmanager
def running_browsers() -> Iterator[Browsers]:
    """Stops the browsers at the end."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="parley-test-") as directory:
        browsers = Browsers(playwright, Path(directory))
        try:
            yield browsers
        finally:
            browsers.close()


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Starts a browser without notifications and stops it at the end."""
    with running_browsers() as browsers:
        yield browsers.get()


def write_launcher(directory: Path, executable: str) -> Path:
    """Writes a program that starts the browser without UNUSED_FEATURES. Its own arguments go to the browser."""
    launcher = directory / f"browser-{Path(executable).name}"
    launcher.write_text(LAUNCHER.format(features=",".join(UNUSED_FEATURES), executable=shlex.quote(executable)))
    launcher.chmod(0o755)
    return launcher


def _flags() -> list[str]:
    return [*FLAGS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]


def _executable(playwright: Playwright) -> str:
    """Test processes that start side by side install one browser together, not one each."""
    own = Path(playwright.chromium.executable_path)
    found = _installed(own)
    if found is None:
        with (Path(tempfile.gettempdir()) / "parley-test-browser.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = _installed(own) or _download(own) or _from_system()
    if found is None:
        raise RuntimeError(f"no browser for the tests; install one: {' '.join(INSTALL)} --with-deps chromium")
    return found


def _shell(playwright: Playwright) -> str | None:
    if os.environ.get("PARLEY_TEST_BROWSER"):
        return None
    _executable(playwright)  # installs both if there is none
    downloads = Path(playwright.chromium.executable_path).parents[2]
    found = [path for name in SHELL_NAMES if (path := shutil.which(name))]
    return next(iter([*found, *map(str, downloads.glob("chromium_headless_shell-*/*/chrome-headless-shell"))]), None)


def _installed(own: Path) -> str | None:
    named = os.environ.get("PARLEY_TEST_BROWSER")
    if named:
        return named
    found = [path for name in NAMES if (path := shutil.which(name))]
    found += [place for place in (*PLACES, str(own)) if Path(place).exists()]
    return found[0] if found else None


def _download(own: Path) -> str | None:
    _run([*INSTALL, "chromium"])
    return str(own) if own.exists() else None


def _from_system() -> str | None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None
    _run(["apt-get", "update"])
    _run(["apt-get", "install", "--yes", "--no-install-recommends", "chromium", SHELL_NAMES[0]])
    return shutil.which("chromium")


def _run(command: list[str]) -> None:
    """Runs the command and ignores its result: the caller looks for the browser afterwards."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(command, env=environment, capture_output=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return
