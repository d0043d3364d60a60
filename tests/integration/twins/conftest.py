"""The application's engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from app.config import Settings
from app.store.engine import create_engine


@pytest.fixture(scope="module")
def bounded(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()
