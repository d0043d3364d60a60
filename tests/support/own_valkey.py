"""A Valkey of its own for a test, beside the one of the stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.embedded_valkey import EmbeddedValkey
from dev.processes import Guard, free_port


@contextmanager
def running_valkey(directory: Path, *, cluster: bool = False) -> Iterator[EmbeddedValkey]:
    """Runs a Valkey on loopback. ``cluster``: as a node of a cluster that has no other nodes and no slots."""
    guard = Guard()
    options = {"cluster-enabled": "yes", "cluster-port": str(free_port())} if cluster else {}
    server = EmbeddedValkey(directory, guard=guard, tcp=True, options=options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        guard.close()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with running_valkey(tmp_path / "own") as server:
        yield server


@pytest.fixture
def lone_node(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with running_valkey(tmp_path / "node", cluster=True) as server:
        yield server
