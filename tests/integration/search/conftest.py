"""Small buckets, so that a few messages fill several, and more time for each search."""

from __future__ import annotations

import pytest

from app.services.indexing import index_messages
from app.services.reading import search_messages


@pytest.fixture(autouse=True)
def small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_messages, "BUCKET_MESSAGES", 5)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a search take longer than it should, because the machine may be busy."""
    monkeypatch.setattr(search_messages, "BUDGET_SECONDS", 600)
