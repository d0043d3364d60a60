"""Addresses in a text become links. The client passes the same vectors (tests/e2e/client/test_in_node.py)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.links import find_addresses, has_link
from tests.vectors import vectors


@pytest.mark.parametrize("vector", vectors("links"), ids=lambda vector: ascii(vector["text"]))
def test_links_are_found(vector: dict[str, object]) -> None:
    text = str(vector["text"])
    assert [text[a.start : a.end] for a in find_addresses(text) if a.is_link] == vector["links"]
    assert has_link(text) == bool(vector["links"])


@given(st.text(st.sampled_from("https://a.b()[]{}@'*_。「」é \n"), max_size=60))
def test_addresses_do_not_overlap(text: str) -> None:
    at = 0
    for address in find_addresses(text):
        assert at <= address.start <= address.end <= address.stop <= len(text)
        at = address.stop


@pytest.mark.parametrize(
    "part", ["https://a.b", "(", ")", "a.", "a-", "https://a/(", "[https://", "www.", "a://", "http://a}"]
)
def test_time_is_linear(part: str) -> None:
    started = time.perf_counter()
    has_link(part * (400_000 // len(part)))
    assert time.perf_counter() - started < 5  # quadratic time would be minutes
