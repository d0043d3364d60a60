"""Finds the mentions in a text. The client passes the same vectors (tests/e2e/client/test_in_node.py)."""

from __future__ import annotations

import time

import pytest

from app.core.mentions import find_mentions
from tests.vectors import vectors


@pytest.mark.parametrize("vector", vectors("mentions"), ids=lambda vector: ascii(vector["text"])[:40])
def test_mentions_are_found(vector: dict[str, object]) -> None:
    assert [names for _, _, names in find_mentions(str(vector["text"]))] == vector["mentions"]


@pytest.mark.parametrize("part", ["@bob", "@", "@a.", "@a--", "@bob@bob", "https://x/@bob ", "@bob@bob."])
def test_time_is_linear(part: str) -> None:
    started = time.perf_counter()
    list(find_mentions(part * (160_000 // len(part))))
    assert time.perf_counter() - started < 5  # quadratic time would be minutes
