"""One stack and one browser per test process; each test opens its own windows."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import Browsers, running_browsers
from tests.e2e.page.gate import Gate
from tests.e2e.page.people import People
from tests.e2e.page.window import DEMO_KEY, Window
from tests.support.clients import HostClient
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

# With a VAPID key the server sends pushes; the fake push service runs on this machine.
VAPID_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"a key for tests").digest()).rstrip(b"=").decode()
SERVER_API_KEY = "the-key-of-a-host-for-the-tests-of-the-page"
OUTBOX = Path(tempfile.mkdtemp(prefix="parley-test-"))
SETTINGS = {
    "MAIL_URL": OUTBOX.as_uri(),
    "MAIL_FROM": "chat@chat.example",
    "PUBLIC_URL": "https://chat.example",
    "DEMO_KEY": DEMO_KEY,
    "SERVER_API_KEY": SERVER_API_KEY,
    "STRICT_REQUESTS": "true",  # the page must not send fields that the server does not have
    "TOKEN_REQUESTS_PER_MINUTE": "0",
    "VAPID_PRIVATE_KEY": VAPID_KEY,
    "VAPID_SUBJECT": "mailto:push@parley.example",
    "PUSH_LOOPBACK": "true",
}
OpenWindow = Callable[..., Window]
Evaluate = Callable[..., Any]


@pytest.fixture(scope="package")
def browsers() -> Iterator[Browsers]:
    with running_browsers() as browsers:
        yield browsers


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest, browsers: Browsers) -> Browser:
    """A module whose tests need notifications sets ``FULL_BROWSER = True``."""
    return browsers.get(full=getattr(request.module, "FULL_BROWSER", False))


@pytest.fixture(scope="package")
def server() -> Iterator[Stack]:
    with private_stack(env=SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="package")
def people(server: Stack) -> Iterator[People]:
    """Accounts with unique names, which can send over the API."""
    people = People(server.base_url)
    yield people
    people.close()


@pytest.fixture
def host(server: Stack) -> Iterator[HostClient]:
    """The server of the host."""
    client = HostClient(server.base_url, SERVER_API_KEY)
    yield client
    client.close()


@pytest.fixture
def gate(server: Stack) -> Iterator[Gate]:
    with Gate(int(server.web[0].env["PORT"])) as gate:
        yield gate


@pytest.fixture
def window(browser: Browser, server: Stack) -> Iterator[OpenWindow]:
    """``window(base_url=…, **context options)``. Closes them after the test; errors in a page fail it."""
    opened: list[Window] = []

    def open_window(base_url: str = server.base_url, **options: Any) -> Window:
        opened.append(Window(browser, base_url, **options))
        return opened[-1]

    yield open_window
    problems = [problem for one in opened for problem in one.problems]
    for one in opened:
        one.close()
    assert problems == []


@pytest.fixture
def evaluate(window: OpenWindow) -> Evaluate:
    """``evaluate("lib/zoom.js", "module => …", argument)`` runs the code with the module and returns its result."""
    here = window()
    here.page.goto(here.base_url)

    def run(module: str, code: str, argument: Any = None) -> Any:
        path = module if module.startswith("/") else f"/static/page/{module}"
        return here.page.evaluate(f"async (given) => ({code})(await import('{path}'), given)", argument)

    return run
