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
    made = create_engine(settings)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def module_engine(settings: Settings) -> Iterator[Engine]:
    """One for the module, which imports it as ``engine``."""
    made = create_engine(settings)
    yield made
    made.dispose()
