"""A migrated PostgreSQL directory that every test process copies: a copy takes a tenth of initdb and all migrations.

The first process that needs it makes it; the others wait. The process that started the run removes it at its end.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.embedded import EmbeddedStores
from tests.support.processes import ROOT, base_env
from tests.support.shards import ShardedStores

# Beside the database ``parley`` of every embedded PostgreSQL: one that has no connections and can be copied.
TEMPLATE = "parley_template"
_VARIABLE = "PARLEY_TEST_TEMPLATE"
_OPTIONS = {"max_connections": "200", "shared_buffers": "32MB"}


def choose_directory() -> Path | None:
    """Names the directory of this run for this process and its children. Returns None if its parent has named one."""
    if _VARIABLE in os.environ:
        return None
    directory = Path(tempfile.mkdtemp(prefix="parley-test-"))
    os.environ[_VARIABLE] = str(directory)
    return directory


def remove_directory(directory: Path) -> None:
    os.environ.pop(_VARIABLE, None)
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def own_directory() -> Iterator[None]:
    """Names the directory for a run outside of pytest, unless its parent has named one, and removes it at the end."""
    directory = choose_directory()
    try:
        yield
    finally:
        if directory is not None:
            remove_directory(directory)


def migrated_stores(directory: Path, **options: Any) -> ShardedStores:
    """Returns stores, not started, whose PostgreSQL has the migrated databases ``parley`` and ``parley_template``.

    The defaults are loopback TCP and no fsync. Takes the arguments of ShardedStores.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # -a keeps the owner: under root, PostgreSQL runs as another user.
    subprocess.run(["cp", "-a", str(_template() / "postgres"), str(directory / "postgres")], check=True)
    return ShardedStores(directory, **{"tcp": True, "fsync": False, "postgres_options": _OPTIONS, **options})


def migrate(database_url: str, redis_url: str, revision: str = "head") -> None:
    """Runs the release command. Raises AssertionError with its output if it fails."""
    command = [sys.executable, "-m", "alembic", "upgrade", revision]
    env = base_env(DATABASE_URL=database_url, REDIS_URL=redis_url)
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"alembic upgrade {revision} failed:\n{result.stdout}{result.stderr}"


def _template() -> Path:
    directory = Path(os.environ[_VARIABLE])
    with (directory / "making").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "ready").exists():
            _make(directory)
            (directory / "ready").touch()
    return directory / "ready-stores"


def _make(directory: Path) -> None:
    with EmbeddedStores(directory / "ready-stores", tcp=True, fsync=False, postgres_options=_OPTIONS) as stores:
        migrate(stores.postgres.url(), stores.valkey.url())
        stores.postgres.create_database(TEMPLATE, "parley")
