"""A clock for Postgres that tests can put forward: ``now()`` of all statements that are run from then on.

Statements find this function before the one of Postgres. Defaults of columns keep the time of the machine.
"""

from __future__ import annotations

from dev.embedded import EmbeddedPostgres

_INSTALL = """
    CREATE SCHEMA test_clock;
    CREATE TABLE test_clock.ahead (seconds float8 NOT NULL);
    INSERT INTO test_clock.ahead VALUES (0);
    CREATE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
        'SELECT pg_catalog.now() + (SELECT seconds FROM test_clock.ahead) * interval ''1 second''';
    ALTER DATABASE parley SET search_path = test_clock, pg_catalog, public;
"""


class StoreClock:
    """Install it before the processes of the server start. ``ahead`` is how far the clock was put forward."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.ahead = 0.0
        self._postgres = postgres
        self._run(_INSTALL)

    def advance(self, seconds: float) -> None:
        self.ahead += seconds
        self._run(f"UPDATE test_clock.ahead SET seconds = {self.ahead}")

    def _run(self, statement: str) -> None:
        with self._postgres.connect("parley") as connection:
            connection.execute(statement)  # type: ignore[call-overload]
