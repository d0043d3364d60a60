"""Starts the examples as their README says."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dev.processes import Guard, free_port, signal_group, wait_until
from examples.run import READY_SECONDS
from tests.e2e.browser import running_browser
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, base_env

START_SECONDS = 2 * READY_SECONDS  # Parley, then the example
STOP_SECONDS = 30.0
StartExample = Callable[..., str]


@pytest.fixture(scope="module")
def start_example(work_dir: Path) -> Iterator[StartExample]:
    """``start_example("shop", **environment)`` runs `make shop` and returns the example's address."""
    with ExitStack() as running:
        yield lambda target, **more: running.enter_context(_running(target, work_dir, more))


@contextmanager
def _running(target: str, work_dir: Path, more: dict[str, str]) -> Iterator[str]:
    port, log, guard = free_port(), work_dir / f"{target}.log", Guard()
    env = base_env(PORT=str(free_port()), APP_PORT=str(port), PARLEY_DATA=str(work_dir / target), **more)
    command = ["make", "--old-file=venv", f"BIN={Path(sys.executable).parent}", target]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    guard.add(process.pid)
    wait_until(
        lambda: process.poll() is not None or "The example: " in log.read_text(), START_SECONDS, f"make {target}"
    )
    assert process.poll() is None, log.read_text()
    yield f"http://127.0.0.1:{port}"
    signal_group(process.pid, signal.SIGINT)
    process.wait(STOP_SECONDS)
    guard.drop(process.pid)
    guard.close()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE * 1000)
    with running_browser() as running:
        yield running


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """``new_page(address)`` opens the address in a browser window that shares no cookies with the others."""
    contexts = []

    def open_page(address: str) -> Page:
        contexts.append(browser.new_context())
        contexts[-1].set_default_timeout(PATIENCE * 1000)
        page = contexts[-1].new_page()
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()


def write(page: Page, text: str) -> None:
    """Sends a message in the page's widget."""
    field = page.locator("parley-chat").get_by_role("textbox")
    field.fill(text)
    field.press("Enter")
