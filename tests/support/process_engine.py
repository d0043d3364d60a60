"""The fixtures ``engine`` of tests that need the engine of a process, with the settings of the module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from app.config import Settings
from app.store.engine import create_engine


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """One for each test."""
    yield from _engine(settings)


@pytest.fixture(scope="module")
def module_engine(settings: Settings) -> Iterator[Engine]:
    """One for the module, which imports it as ``engine``."""
    yield from _engine(settings)


def _engine(settings: Settings) -> Iterator[Engine]:
    """Fails if a connection is still in use at the end. Python's collector would close it during another test, and its
    warning would fail that test.
    """
    made = create_engine(settings)
    yield made
    lent = made.pool.checkedout()  # type: ignore[attr-defined]
    made.dispose()
    assert lent == 0, f"{lent} connections were not given back"
