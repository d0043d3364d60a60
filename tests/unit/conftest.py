"""Keeps the unit tests free of servers."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def stores() -> None:
    pytest.fail("Unit tests use no store: a test of a part that needs one belongs in tests/integration.")
