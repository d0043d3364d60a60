"""The web application over real stores, driven through Flask's test client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.config import Settings
from app.container import Container
from tests.support.api_client import Api
from tests.support.second_factor import BEGAN, CLOCK

MakeApp = Callable[..., Api]


@contextmanager
def running_app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    # Test processes are not patched by gevent. The listener of a started gateway would block the hub of later tests.
    app.extensions["parley"].gateway._started = True
    yield app
    app.extensions["parley"].close()


@pytest.fixture(autouse=True)
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """Returns the tasks that are enqueued from now on, each with its arguments. No worker runs here."""
    tasks: list[tuple[str, tuple[Any, ...]]] = []

    def send_task(name: str, arguments: tuple[Any, ...] = (), *_: Any, **__: Any) -> None:
        tasks.append((name, arguments))

    monkeypatch.setattr("app.task_queue.celery", lambda: SimpleNamespace(send_task=send_task))
    return tasks


@pytest.fixture(scope="module")
def unlimited(settings: Settings) -> Settings:
    """Settings without limits per address, because all tests come from one address."""
    return replace(
        settings, auth_attempts_per_minute=0, token_requests_per_minute=0, joins_per_minute=0, writes_per_minute=0
    )


@pytest.fixture(scope="module")
def make_api(unlimited: Settings) -> Iterator[MakeApp]:
    """``make_api(ticket_seconds=1)`` returns a new application with changed settings, on the same stores."""
    with ExitStack() as stack:

        def make(**changes: Any) -> Api:
            return Api(stack.enter_context(running_app(replace(unlimited, **changes))))

        yield make


@pytest.fixture(scope="module")
def api(make_api: MakeApp) -> Api:
    return make_api()


@pytest.fixture
def reset_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the clock of second factors back for the test."""
    monkeypatch.setattr(CLOCK, "now", BEGAN)


@pytest.fixture(scope="module")
def parley(api: Api) -> Container:
    return api.app.extensions["parley"]
