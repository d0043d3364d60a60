"""The hook before sending is signed with the time of Postgres, even if this process's clock is wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from app.bootstrap.before_send import make_before_send
from app.config import Settings
from app.core.before_send import Asked
from app.core.webhook_signature import secret_of
from app.store import postgres_time
from app.store.engine import create_engine
from app.store.postgres_time import PostgresTime
from tests.support.hook_server import HookServer, hook_server

SECRET = secret_of(b"a secret of the hook: 24+")
HELLO = Asked("", 1, "hello", "text", {}, [])
NOBODY = "postgresql+psycopg://parley@127.0.0.1:1/parley"
right_time = time.time


@pytest.fixture
def hook() -> Iterator[HookServer]:
    with hook_server(SECRET) as server:
        yield server


@pytest.fixture
def unreachable(settings: Settings) -> Iterator[Engine]:
    made = create_engine(replace(settings, database_url=NOBODY))
    yield made
    made.dispose()


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    monkeypatch.setattr(time, "time", lambda: right_time() + hours * 3600)


def is_right(seconds: int) -> bool:
    return abs(seconds - right_time()) < 60


@pytest.mark.parametrize("hours", [-1, 1])
def test_hosts_accept_the_signature_of_a_process_whose_clock_is_wrong(
    hook: HookServer, engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    settings = replace(settings, before_send_url=hook.url, before_send_secret=SECRET, before_send_failure="reject")
    edits = make_before_send(settings, engine, Counter(), lambda act: act()).edits
    assert edits is not None
    set_clock(monkeypatch, hours)
    assert [verdict.error for verdict in edits.decide([HELLO])] == [None]
    assert [asked["message"] for asked in hook.calls[0]] == ["hello"]


def test_the_time_goes_on_while_postgres_does_not_answer(
    engine: Engine, unreachable: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_time, "READ_AGAIN_SECONDS", 0.0)
    clock = PostgresTime(engine)
    set_clock(monkeypatch, 1)
    assert is_right(clock.seconds())
    monkeypatch.setattr(clock, "_engine", unreachable)
    assert is_right(clock.seconds())


def test_without_any_answer_the_time_is_that_of_the_process(
    engine: Engine, unreachable: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_time, "RETRY_SECONDS", 0.0)
    clock = PostgresTime(unreachable)
    set_clock(monkeypatch, 1)
    assert is_right(clock.seconds() - 3600)
    monkeypatch.setattr(clock, "_engine", engine)
    assert is_right(clock.seconds())
