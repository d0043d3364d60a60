"""A server with stores of its own, for tests that share neither data nor faults."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import conftest
from tests.support.processes import Stack
from tests.support.shards import Layout, ShardedStores
from tests.support.store_template import migrated_stores

# Tests register many users from one address and send as fast as they can. Limits have tests of their own.
UNLIMITED = {
    "AUTH_ATTEMPTS_PER_MINUTE": "1000000",
    "SEND_RATE": "10000",
    "SEND_BURST": "10000",
    "MARK_RATE": "0",
    "TYPING_RATE": "0",
    "REACTION_RATE": "0",
    "EDIT_RATE": "0",
    "JOINS_PER_MINUTE": "0",
    "WRITES_PER_MINUTE": "0",
    "READ_RATE": "0",
    "REPORTS_PER_MINUTE": "0",
    "EXPORTS_PER_DAY": "0",
    "UPLOADS_PER_MINUTE": "0",
    "UPLOAD_BYTES_PER_SECOND": "0",
}


@contextmanager
def private_stores(arrange: Callable[[Path], None] = lambda _data: None, **options: Any) -> Iterator[ShardedStores]:
    """PostgreSQL (migrated database ``parley``) and Valkey (append-only file) in their own directory. ``arrange`` may
    move their data to other disks before they start.
    """
    directory = Path(tempfile.mkdtemp(prefix="parley-test-"))
    try:
        stores = migrated_stores(directory / "data", **options)
        arrange(directory / "data")
        with stores:
            yield stores
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    """Starts a stack, waits until it is ready, and stops it at the end. A failing test prints its logs."""
    conftest._live_stacks.append(stack)
    try:
        yield stack.start()
    finally:
        conftest._live_stacks.remove(stack)
        stack.stop()


@contextmanager
def private_stack(
    *, env: dict[str, str] | None = None, layout: Layout | None = None, **options: Any
) -> Iterator[Stack]:
    """A running Stack over stores of its own; ``env`` overrides UNLIMITED. Takes the other arguments of Stack."""
    with private_stores(layout=layout) as stores:
        urls = {"database_url": stores.postgres.url(), "redis_url": stores.valkey.url()}
        stack = Stack(stores, stores.directory / "logs", env={**UNLIMITED, **(env or {})}, **urls, **options)
        with running(stack):
            yield stack
