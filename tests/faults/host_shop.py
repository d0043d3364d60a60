"""A host with its own PostgreSQL, which writes orders and messages about them in its own transactions."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from dev.embedded import EmbeddedPostgres
from dev.processes import Guard
from tests.sdk.host_database import Base, Order, outbox

# The server notes when a transaction was committed, so the order of the commits is known apart from the outbox.
OPTIONS = {"track_commit_timestamp": "on", "max_connections": "60"}
SENT = "sent"
THREADS = 8
LOG_LINES = 20  # a failing test shows the end of the log
# The last one commits the order, but not its message.
WAYS_BACK = ("unflushed", "flushed", "constraint", "connection", "savepoint")
_IN_ORDER = text("SELECT name FROM shop_orders WHERE name LIKE :wanted ORDER BY pg_xact_commit_timestamp(xmin), id")


@contextmanager
def host_shop(directory: Path, guard: Guard) -> Iterator[Engine]:
    postgres = EmbeddedPostgres(directory / "postgres", guard=guard, tcp=True, fsync=False, options=OPTIONS)
    postgres.start()
    try:
        postgres.create_database("shop")
        engine = create_engine(postgres.url("shop", scheme="postgresql+psycopg"), pool_size=20)
        Base.metadata.create_all(engine)
        yield engine
        engine.dispose()
    finally:
        postgres.stop()
        print(*postgres.log_path.read_text(errors="replace").splitlines()[-LOG_LINES:], sep="\n")


def write(engine: Engine, conversations: Sequence[str], chance: random.Random, number: int) -> bool:
    """Carries out one transaction with one or two messages. Returns whether it was committed: half of them are."""
    way = "commit" if chance.random() < 0.5 else chance.choice(WAYS_BACK)
    chosen = chance.sample(conversations, chance.choice((1, 1, 2)))
    with Session(engine) as session:
        if way == "savepoint":
            _orders(session, chosen, f"unsent {number}")
            with session.begin_nested() as savepoint:
                _messages(session, chosen, number)
                savepoint.rollback()
            session.commit()
            return False
        _orders(session, chosen, f"{SENT} {number}")
        _messages(session, chosen, number)
        if way == "commit":
            if chance.random() < 0.5:
                session.flush()
            session.commit()
            return True
        _go_back(session, way)
    return False


def _orders(session: Session, conversations: Sequence[str], what: str) -> None:
    session.add_all([Order(name=f"{conversation}: {what}") for conversation in conversations])


def _messages(session: Session, conversations: Sequence[str], number: int) -> None:
    for conversation in conversations:
        outbox(session).send(f"{conversation}: {SENT} {number}", conversation=conversation)


def _go_back(session: Session, way: str) -> None:
    if way == "constraint":
        session.add_all([Order(name="same"), Order(name="same")])
        with suppress(DBAPIError):
            session.commit()
    elif way == "connection":
        session.flush()
        with suppress(DBAPIError):
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        session.invalidate()
        return
    elif way == "flushed":
        session.flush()
    session.rollback()


def committed(engine: Engine, conversation: str) -> list[str]:
    """Returns the texts of the conversation's committed messages, in the order of the commits."""
    with engine.connect() as connection:
        return list(connection.execute(_IN_ORDER, {"wanted": f"{conversation}: {SENT} %"}).scalars())


class Writers:
    """Threads that carry out transactions, as many as ``allow`` has allowed so far. ``begun`` counts them."""

    def __init__(self, engine: Engine, conversations: Sequence[str], total: int, seed: int) -> None:
        self.begun = 0
        self._engine, self._conversations, self._total, self._seed = engine, conversations, total, seed
        self._allowed = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(THREADS)
        self._runs = [self._pool.submit(self._run) for _ in range(THREADS)]

    def allow(self, count: int) -> None:
        self._allowed.release(count)

    def finish(self, timeout: float) -> int:
        """Waits until all transactions are over. Returns how many were committed. Raises the first failure."""
        self.allow(self._total + THREADS)
        committed = sum(run.result(timeout) for run in self._runs)
        self._pool.shutdown()
        return committed

    def _run(self) -> int:
        committed = failed = 0
        while (number := self._next()) is not None:
            try:
                committed += write(self._engine, self._conversations, random.Random(f"{self._seed} {number}"), number)
            except OperationalError:  # the database has no connection for this transaction
                failed += 1
                if failed > self._total // 100:
                    raise
        return committed

    def _next(self) -> int | None:
        self._allowed.acquire()
        with self._lock:
            self.begun += 1
            return self.begun if self.begun <= self._total else None
