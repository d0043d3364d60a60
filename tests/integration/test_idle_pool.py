"""The pool of connections to Postgres closes those that were idle for a while."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from app.store import idle_pool
from app.store.engine import reading
from app.store.idle_pool import close_idle_connections
from tests.support.process_engine import engine

__all__ = ["engine"]


def use(engine: Engine, connections: int) -> None:
    with ExitStack() as opened:
        for _ in range(connections):
            opened.enter_context(reading(engine)).execute(text("SELECT 1"))


def test_idle_connections_are_closed_but_the_newest(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    use(engine, 5)
    close_idle_connections(engine)
    assert engine.pool.checkedin() == 5  # type: ignore[attr-defined] # Pool has it in its subclasses only
    monkeypatch.setattr(idle_pool, "IDLE_SECONDS", 0.0)
    close_idle_connections(engine)
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]


def test_pool_opens_as_many_again_and_not_more(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    use(engine, 5)
    monkeypatch.setattr(idle_pool, "IDLE_SECONDS", 0.0)
    close_idle_connections(engine)
    use(engine, 5)
    assert engine.pool.checkedin() == 5  # type: ignore[attr-defined]


def test_busy_process_closes_idle_connections_by_itself(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    use(engine, 3)
    monkeypatch.setattr(idle_pool, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(idle_pool, "LOOK_SECONDS", 0.0)
    use(engine, 1)
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
