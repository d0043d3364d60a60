"""One server with its default limits for all attacks, honest people who chat during them, and a line per attack."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.attack.honest import People
from tests.support.private_stack import private_stores, running
from tests.support.processes import Stack

# One upload of the race against the quota is 200 KB; tokens outlive the whole run.
ENV = {"MAX_STORED_BYTES": "1000000", "ACCESS_TOKEN_SECONDS": "7200"}
OPEN_FILES = 8192

Hold = Callable[[str], None]
_lines: list[str] = []


def rounds() -> int:
    """Returns how many times honest people sign in and talk during each attack. ``make attack`` sets 15."""
    return int(os.environ.get("PARLEY_ATTACK_ROUNDS") or 3)


@pytest.fixture(scope="session", autouse=True)
def open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@pytest.fixture(scope="session")
def server() -> Iterator[Stack]:
    with private_stores() as stores:
        urls = {"database_url": stores.postgres.url(), "redis_url": stores.valkey.url()}
        with running(Stack(stores, stores.directory / "logs", env=ENV, **urls)) as stack:
            yield stack


@pytest.fixture(scope="session")
def everyone(server: Stack) -> Iterator[People]:
    people = People(server.base_url)
    yield people
    people.finish()


@pytest.fixture
def people(everyone: People, server: Stack, request: pytest.FixtureRequest) -> Iterator[People]:
    """Honest people. After the attack they talk once more, to the same process; then its line is written."""
    everyone.begin()
    began = time.monotonic()
    yield everyone
    everyone.talk(1)
    assert server.web[0].log().count("Booting worker") == 1, "the web process died"
    write_line(request.node.name, everyone, time.monotonic() - began)


def write_line(attack: str, people: People, seconds: float) -> None:
    name = attack.removeprefix("test_").replace("_", " ")
    _lines.append(f"{name}: held for {seconds:.0f} s; {people.summary()}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        _lines.append(f"{item.name.removeprefix('test_').replace('_', ' ')}: VIOLATED ({report.when})")
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    violated = sum("VIOLATED" in line for line in _lines)
    if _lines:
        terminalreporter.section("attacks")
        for line in _lines:
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"attack: {len(_lines) - violated} held, {violated} violated")
