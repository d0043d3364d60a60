"""Acks that wait for Postgres: each wait ends exactly once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import NotFound
from app.message_log.confirmations import Confirmations

NOTICES = st.lists(st.tuples(st.sampled_from(["expect", "settle", "refuse"]), st.integers(1, 5)), max_size=25)


@given(steps=NOTICES)
def test_every_wait_ends_once_with_the_first_notice_of_its_version(steps: list[tuple[str, int]]) -> None:
    """A notice may come before the wait; a repeated notice without a wait is kept for the next one."""
    waits, ended = Confirmations(), {}
    refused = NotFound()
    for number, (what, version) in enumerate(steps):
        if what == "expect":
            waits.expect(version, lambda error, n=number: ended.setdefault(n, []).append(error))  # type: ignore[misc]
        else:
            waits.settle([version], None if what == "settle" else refused)
    waits.fail_all()
    expected = [number for number, (what, _) in enumerate(steps) if what == "expect"]
    assert sorted(ended) == expected
    assert all(len(errors) == 1 for errors in ended.values())
    assert len(waits) == 0
