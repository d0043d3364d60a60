"""Reads on a streaming replica see everything that the primary has, or the primary answers them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from app.config import Settings
from app.core.errors import NotFound, Overloaded
from app.store import replica as replica_module
from app.store.engine import create_engine, reading, writing
from app.store.replica import Open, Replica, StoreReads
from dev.embedded import EmbeddedStores
from dev.embedded_postgres import EmbeddedPostgres
from dev.processes import wait_until
from tests.support.patience import PATIENCE
from tests.support.replica import pause_replay, resume_replay, streaming_replica

MAX_LAG_SECONDS = 0.3
RETRY_SECONDS = 0.2


@pytest.fixture(scope="module")
def replica(stores: EmbeddedStores, work_dir: Path, database_url: str) -> Iterator[EmbeddedPostgres]:
    assert database_url  # the database exists before it is copied
    with streaming_replica(stores.postgres, work_dir / "replica", stores.guard) as running:
        yield running


@pytest.fixture
def resumed(replica: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """The replica, which follows the primary again after the test."""
    yield replica
    resume_replay(replica)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure, the replica is tried again soon."""
    soon = dict.fromkeys(replica_module.RETRY_SECONDS, RETRY_SECONDS)
    monkeypatch.setattr(replica_module, "RETRY_SECONDS", soon)


@pytest.fixture
def primary(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()


class Reads(StoreReads):
    """Counts the outcomes."""

    def __init__(self, settings: Settings, primary: Engine, url: str) -> None:
        there = create_engine(settings, url=url, timeout_seconds=2.0)
        super().__init__(primary, Replica(there, primary, max_lag_seconds=MAX_LAG_SECONDS))
        self.outcomes: Counter[str] = Counter()
        self.count_with(lambda name: self.outcomes.update([name.removeprefix("replica:")]))

    def letters(self) -> int:
        return self.run(count_letters)

    def last_outcome(self) -> str:
        """Reads, and returns the outcome of that read."""
        before = self.outcomes.copy()
        self.letters()
        (outcome,) = self.outcomes - before
        return outcome


@pytest.fixture
def reads(settings: Settings, primary: Engine, replica: EmbeddedPostgres) -> Iterator[Reads]:
    made = Reads(settings, primary, url_of(replica, settings))
    yield made
    made.close()


def url_of(replica: EmbeddedPostgres, settings: Settings) -> str:
    return replica.url(str(make_url(settings.database_url).database), scheme="postgresql+psycopg")


def count_letters(open_: Open) -> int:
    with open_() as conn:
        return int(conn.execute(text("SELECT count(*) FROM dead_letters")).scalar_one())


def add_letter(primary: Engine) -> int:
    """Returns how many there are."""
    with writing(primary) as conn:
        conn.execute(text("INSERT INTO dead_letters (record, reason) VALUES ('', '')"))
        return int(conn.execute(text("SELECT count(*) FROM dead_letters")).scalar_one())


def is_replica(open_: Open) -> bool:
    with open_() as conn:
        return bool(conn.execute(text("SELECT pg_is_in_recovery()")).scalar_one())


def test_the_replica_answers(reads: Reads) -> None:
    assert reads.run(is_replica)
    assert reads.outcomes == {"replica": 1}
    assert reads.problem() is None


def test_without_a_replica_the_primary_answers(primary: Engine) -> None:
    reads = StoreReads(primary)
    assert not reads.run(is_replica)
    assert reads.problem() is None


def test_each_read_sees_the_write_before_it(reads: Reads, primary: Engine) -> None:
    for _ in range(100):
        written = add_letter(primary)
        assert reads.letters() == written
    assert reads.outcomes["replica"] > 0, "the replica never caught up in time"


def test_a_replica_that_lags_does_not_answer(reads: Reads, primary: Engine, resumed: EmbeddedPostgres) -> None:
    assert reads.last_outcome() == "replica"
    pause_replay(resumed)
    written = add_letter(primary)
    for _ in range(3):
        assert reads.letters() == written
    assert reads.outcomes == {"replica": 1, "behind": 3}
    problem = reads.problem()
    assert problem is not None
    assert "0.3 s behind" in problem
    resume_replay(resumed)
    wait_until(lambda: reads.last_outcome() == "replica", PATIENCE, "the replica")
    assert reads.letters() == written
    assert reads.problem() is None


def test_a_read_waits_for_a_replica_that_lags_a_little(
    settings: Settings, primary: Engine, resumed: EmbeddedPostgres
) -> None:
    there = create_engine(settings, url=url_of(resumed, settings))
    reads = StoreReads(primary, Replica(there, primary, max_lag_seconds=PATIENCE))
    pause_replay(resumed)
    written = add_letter(primary)
    soon = threading.Timer(0.2, resume_replay, [resumed])
    soon.start()
    assert reads.run(lambda open_: (is_replica(open_), count_letters(open_))) == (True, written)
    soon.join()
    reads.close()


def test_a_server_that_is_no_replica_does_not_answer(settings: Settings, primary: Engine) -> None:
    reads = Reads(settings, primary, settings.database_url)
    assert reads.last_outcome() == "unfit"
    problem = reads.problem()
    assert problem is not None
    assert "not a replica of DATABASE_URL" in problem
    reads.close()


def test_a_read_that_fails_half_way_begins_again_on_the_primary(reads: Reads, replica: EmbeddedPostgres) -> None:
    answered: list[bool] = []

    def work(open_: Open) -> int:
        with open_() as conn:
            answered.append(bool(conn.execute(text("SELECT pg_is_in_recovery()")).scalar_one()))
            if answered == [True]:
                end_other_sessions(replica)
            return int(conn.execute(text("SELECT 7")).scalar_one())

    assert reads.run(work) == 7
    assert answered == [True, False]
    assert reads.outcomes == {"away": 1}


def end_other_sessions(replica: EmbeddedPostgres) -> None:
    statement = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'parley'"
    with replica.connect() as connection:
        connection.execute(statement)


def test_a_conflict_sends_only_this_read_to_the_primary(reads: Reads) -> None:
    calls: list[int] = []

    def work(open_: Open) -> int:
        calls.append(1)
        with open_() as conn:
            if len(calls) == 1:
                # The error with which Postgres ends a query that holds up the replay.
                conn.execute(text("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$"))
            return len(calls)

    assert reads.run(work) == 2
    assert reads.last_outcome() == "replica"
    assert reads.outcomes == {"failed": 1, "replica": 1}


def test_an_answer_that_is_an_error_is_not_asked_for_twice(reads: Reads) -> None:
    calls: list[int] = []

    def work(open_: Open) -> Any:
        calls.append(1)
        with open_():
            raise NotFound

    with pytest.raises(NotFound):
        reads.run(work)
    assert len(calls) == 1
    assert reads.last_outcome() == "replica"


def test_a_replica_that_is_gone_does_not_answer(
    settings: Settings, primary: Engine, reads: Reads, replica: EmbeddedPostgres
) -> None:
    assert reads.last_outcome() == "replica"
    replica.kill()
    try:
        written = add_letter(primary)
        for _ in range(3):
            assert reads.letters() == written
        assert reads.outcomes == {"replica": 1, "away": 3}
        problem = reads.problem()
        assert problem is not None
        assert "does not answer" in problem
    finally:
        replica.start()
    wait_until(lambda: reads.last_outcome() == "replica", PATIENCE, "the replica")
    assert reads.letters() == written


def test_a_replica_that_hangs_does_not_answer(reads: Reads, primary: Engine, replica: EmbeddedPostgres) -> None:
    assert reads.last_outcome() == "replica"
    replica.freeze()
    try:
        written = add_letter(primary)
        started = time.monotonic()
        assert reads.letters() == written
        assert time.monotonic() - started < PATIENCE, "the read waited for the replica without a bound"
        assert reads.outcomes == {"replica": 1, "away": 1}
    finally:
        replica.thaw()
    wait_until(lambda: reads.last_outcome() == "replica", PATIENCE, "the replica")


def test_a_primary_that_is_away_is_no_failure_of_the_replica(settings: Settings, replica: EmbeddedPostgres) -> None:
    away = create_engine(settings, url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    reads = Reads(settings, away, url_of(replica, settings))
    with pytest.raises(Overloaded):
        reads.letters()
    assert reads.outcomes == {}
    reads.close()
    away.dispose()


def test_reading_needs_no_privileges(settings: Settings, primary: Engine, replica: EmbeddedPostgres) -> None:
    with writing(primary) as conn:
        conn.execute(text("CREATE ROLE plain LOGIN"))
        conn.execute(text("GRANT SELECT ON dead_letters TO plain"))
    urls = [make_url(url).set(username="plain") for url in (settings.database_url, url_of(replica, settings))]
    here, there = (url.render_as_string(hide_password=False) for url in urls)
    plain = create_engine(settings, url=here)
    with reading(plain) as conn:
        assert conn.execute(text("SELECT current_user")).scalar() == "plain"
    reads = Reads(settings, plain, there)
    assert reads.last_outcome() == "replica"
    reads.close()
    plain.dispose()
