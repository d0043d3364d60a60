"""The engine: bounded waits, one error for an unreachable store, and greenlets that yield."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, exc, text

from app.config import Settings
from app.core.errors import Overloaded
from app.store.connections import missing_settings
from app.store.engine import KeptConnection, autocommit, create_engine, reading, writing
from app.store.epochs import read_epoch
from app.store.sql import driver
from tests.support.processes import ROOT, base_env

Opener = Callable[[Engine], AbstractContextManager[Connection]]
MakeEngine = Callable[..., Engine]

# Longer than a busy machine takes between two calls.
BACK_OFF_SECONDS = 4.0


@pytest.fixture
def make_engine(settings: Settings) -> Iterator[MakeEngine]:
    made: list[Engine] = []

    def make(**changes: object) -> Engine:
        made.append(create_engine(replace(settings, **changes)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def one(engine: Engine, open_: Opener = reading) -> int:
    with open_(engine) as conn:
        return int(conn.execute(text("SELECT 1")).scalar_one())


def backend_of(engine: Engine) -> int:
    with reading(engine) as conn:
        return int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())


def refused(engine: Engine, open_: Opener = reading) -> tuple[Overloaded, float]:
    """Returns the refusal and the seconds it took."""
    started = time.monotonic()
    with pytest.raises(Overloaded) as caught:
        one(engine, open_)
    return caught.value, time.monotonic() - started


def refused_without_a_try(engine: Engine) -> bool:
    """Returns whether a call is refused without a connection being opened or taken from the pool."""
    tries: list[object] = []
    event.listen(engine, "do_connect", lambda *_: tries.append(1))
    event.listen(engine, "checkout", lambda *_: tries.append(1))
    refused(engine)
    return not tries


def url_on(port: socket.socket) -> str:
    return f"postgresql+psycopg://x@127.0.0.1:{port.getsockname()[1]}/x"


def until_it_answers(engine: Engine, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while True:
        try:
            one(engine)
            return
        except Overloaded:
            assert time.monotonic() < deadline, "the store came back but the engine did not"


def test_every_connection_has_timeouts(make_engine: MakeEngine) -> None:
    names = ("statement_timeout", "lock_timeout", "plan_cache_mode", "application_name")
    with reading(make_engine(db_timeout_seconds=2.0)) as conn:
        found = [conn.execute(text(f"SHOW {name}")).scalar() for name in names]
    assert found == ["800ms", "600ms", "force_generic_plan", "parley"]


@pytest.mark.parametrize("mode", ["auto", "force_custom_plan"])
def test_postgres_may_plan_with_the_values(make_engine: MakeEngine, settings: Settings, mode: str) -> None:
    with reading(make_engine(db_plan_cache_mode=mode)) as conn:
        assert conn.execute(text("SHOW plan_cache_mode")).scalar() == mode
        assert missing_settings(conn, settings.db_timeout_seconds, mode) == []
        assert missing_settings(conn, settings.db_timeout_seconds) == ["plan_cache_mode"]


@pytest.mark.parametrize("prepared", [True, False])
def test_prepared_statements_can_be_switched_off(make_engine: MakeEngine, prepared: bool) -> None:
    with reading(make_engine(db_prepared_statements=prepared)) as conn:
        for _ in range(8):
            read_epoch(conn)
        count = conn.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar()
    assert bool(count) is prepared


def test_autocommit_makes_each_statement_a_transaction(make_engine: MakeEngine) -> None:
    with autocommit(make_engine()) as conn:
        ids = {conn.execute(text("SELECT txid_current()")).scalar() for _ in range(3)}
    assert len(ids) == 3


def test_writing_rolls_back_on_an_exception(make_engine: MakeEngine) -> None:
    engine = make_engine()

    def fail_half_way() -> None:
        with writing(engine) as conn:
            conn.execute(text("INSERT INTO dead_letters (record, reason) VALUES ('', '')"))
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    with reading(engine) as conn:
        assert conn.execute(text("SELECT count(*) FROM dead_letters")).scalar() == 0


def test_connection_closed_by_the_server_is_replaced_silently(make_engine: MakeEngine) -> None:
    engine, other = make_engine(), make_engine()
    pid = backend_of(engine)
    with reading(other) as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    assert one(engine) == 1


def kept_backend(kept: KeptConnection) -> int:
    with kept.autocommit() as conn:
        return driver(conn).info.backend_pid


def test_kept_connection_is_used_again_and_others_get_it_when_it_is_released(make_engine: MakeEngine) -> None:
    engine = make_engine(db_pool_size=1)
    kept = KeptConnection(engine)
    backend = kept_backend(kept)
    assert kept_backend(kept) == backend
    kept.release()
    assert backend_of(engine) == backend
    kept.release()


def test_kept_connection_that_the_server_closed_is_replaced_silently(make_engine: MakeEngine) -> None:
    engine, other = make_engine(db_pool_size=1), make_engine()
    kept = KeptConnection(engine)
    before = kept_backend(kept)
    with reading(other) as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": before})
    with kept.autocommit() as conn:
        assert driver(conn).execute("SELECT pg_backend_pid()").fetchone() not in (None, (before,))
    kept.release()


def test_connection_is_not_kept_after_an_exception(make_engine: MakeEngine) -> None:
    engine = make_engine(db_pool_size=1)
    kept = KeptConnection(engine)
    with pytest.raises(psycopg.errors.DivisionByZero), kept.autocommit() as conn:
        driver(conn).execute("SELECT 1 / 0")
    assert one(engine) == 1


@pytest.mark.parametrize("open_", [reading, writing])
def test_stopped_server_gives_overloaded_then_fails_fast_then_recovers(
    make_engine: MakeEngine, open_: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.engine.RETRY_SECONDS", BACK_OFF_SECONDS)
    engine = make_engine(db_timeout_seconds=1.0, db_pool_size=1)
    pid = backend_of(engine)
    os.kill(pid, signal.SIGSTOP)
    try:
        error, first = refused(engine, open_)
        assert 0.3 < first < 10
        assert error.extra["retryAfter"] > 0
        assert refused_without_a_try(engine)
    finally:
        os.kill(pid, signal.SIGCONT)
    until_it_answers(engine)


def test_refused_connection_fails_fast(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.engine.RETRY_SECONDS", BACK_OFF_SECONDS)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        engine = make_engine(database_url=url_on(unused))
        refused(engine)
        assert refused_without_a_try(engine)


def test_silent_server_hits_the_timeout(make_engine: MakeEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        engine = make_engine(database_url=f"postgresql+psycopg://x@127.0.0.1:{port}/x", db_timeout_seconds=5.0)
        assert refused(engine)[1] < 20


def taken(server: socket.socket) -> int:
    """Returns the number of connections since the last call."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_other_callers_fail_at_once_while_one_tries(make_engine: MakeEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.setblocking(False)
        engine = make_engine(database_url=url_on(mute), db_timeout_seconds=5.0)
        refused(engine)
        assert taken(mute) == 1
        deadline = time.monotonic() + 20
        tried = 0
        while not tried:  # until the back-off is over and one caller tries
            assert time.monotonic() < deadline
            with ThreadPoolExecutor(8) as callers:
                list(callers.map(refused, [engine] * 8))
            tried = taken(mute)
        assert tried == 1


def test_slow_statement_gives_overloaded_without_marking_the_store_down(make_engine: MakeEngine) -> None:
    engine = make_engine(db_timeout_seconds=1.0)
    with pytest.raises(Overloaded), reading(engine) as conn:
        conn.execute(text("SELECT pg_sleep(30)"))
    assert one(engine) == 1


def test_held_lock_gives_overloaded(make_engine: MakeEngine) -> None:
    engine = make_engine(db_timeout_seconds=1.0)
    with writing(engine) as holder:
        holder.execute(text("SELECT * FROM log_state FOR UPDATE"))
        with pytest.raises(Overloaded), writing(engine) as conn:
            conn.execute(text("SELECT * FROM log_state FOR UPDATE"))
    assert one(engine) == 1


def test_exhausted_pool_gives_overloaded_without_marking_the_store_down(make_engine: MakeEngine) -> None:
    engine = make_engine(db_timeout_seconds=0.5, db_pool_size=1)
    with reading(engine):
        assert refused(engine)[1] < 10
    assert one(engine) == 1


def test_data_errors_are_not_translated(make_engine: MakeEngine) -> None:
    engine = make_engine()
    with pytest.raises(exc.DataError), reading(engine) as conn:
        conn.execute(text("SELECT CAST('x' AS bigint)"))
    with pytest.raises(exc.ProgrammingError), reading(engine) as conn:
        conn.execute(text("SELECT nothing"))


UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import time, gevent
from sqlalchemy import text
from app.config import Settings
from app.store.engine import create_engine, reading

engine = create_engine(Settings.from_env())
ticks = []

spans = []

def sleep():
    started = time.monotonic()
    with reading(engine) as conn:
        conn.execute(text("SELECT pg_sleep(0.5)"))
    spans.append((started, time.monotonic()))

def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)

sleep()
ticker = gevent.spawn(tick)
spans.clear()
gevent.joinall([gevent.spawn(sleep) for _ in range(4)], raise_error=True)
assert max(start for start, _ in spans) < min(end for _, end in spans), f"they did not run at once: {spans}"
assert len(ticks) > 10, f"other greenlets ran {len(ticks)} times only"
"""


def test_greenlets_wait_concurrently(settings: Settings) -> None:
    env = base_env(DATABASE_URL=settings.database_url, REDIS_URL=settings.redis_url, SECRET_KEY=settings.secret_key)
    run = [sys.executable, "-c", UNDER_GEVENT]
    result = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
