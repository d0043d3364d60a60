"""A streaming replica of an embedded PostgreSQL: a base backup of it, which follows its write-ahead log."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.embedded_postgres import BIN, EmbeddedPostgres
from dev.postgres_owner import prepare_owner, run_as
from dev.processes import Guard
from tests.support.patience import PATIENCE


@contextmanager
def streaming_replica(primary: EmbeddedPostgres, directory: Path, guard: Guard) -> Iterator[EmbeddedPostgres]:
    """``primary`` must be on TCP. A replica needs at least as many connections as its primary has."""
    directory.mkdir(parents=True)
    owner = prepare_owner(directory, BIN / "pg_basebackup")
    source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "--checkpoint=fast", "--no-sync"]
    command = [str(BIN / "pg_basebackup"), "-D", str(directory), "--write-recovery-conf", *source]
    subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=4 * PATIENCE, **run_as(owner))
    with primary.connect() as connection:
        row = connection.execute("SHOW max_connections").fetchone()
    assert row is not None
    options = {"max_connections": row[0], "shared_buffers": "32MB"}
    replica = EmbeddedPostgres(directory, guard=guard, tcp=True, fsync=False, options=options)
    replica.start()
    try:
        yield replica
    finally:
        replica.stop()


def pause_replay(replica: EmbeddedPostgres) -> None:
    """From now on, the replica receives the log of the primary and does not apply it."""
    with replica.connect() as connection:
        connection.execute("SELECT pg_wal_replay_pause()")


def resume_replay(replica: EmbeddedPostgres) -> None:
    with replica.connect() as connection:
        connection.execute("SELECT pg_wal_replay_resume()")
