"""Searches the model of docs/correctness.md exhaustively, with every mechanism and without each one of them."""

from __future__ import annotations

import pytest

from tests.models.delivery_model import Violation, search
from tests.models.delivery_state import Mechanisms

READER_AWAY = ("send", "edit", "send", "remove", "leave", "return")
BURIED = ("send", "send", "edit", "bury", "join beside")
DRAIN_DIES = ("send", "remove", "send", "leave", "return", "kill drain")
OLDER_REDIS = ("send", "edit", "snapshot", "restore", "send", "remove")
BUS_CUT = ("send", "send", "edit", "leave", "return", "cut")
SCENARIOS = {
    "reader away": READER_AWAY,
    "gateway buried": BURIED,
    "drain dies": DRAIN_DIES,
    "older Redis": OLDER_REDIS,
    "bus cut": BUS_CUT,
}


@pytest.mark.parametrize("acts", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_every_interleaving_keeps_the_invariants(acts: tuple[str, ...]) -> None:
    assert search(acts) > 1000


@pytest.mark.parametrize(
    ("missing", "acts"),
    [
        ("one_transaction", READER_AWAY),
        ("report_unknown_user", BURIED),
        ("keep_created_rows", READER_AWAY),
        ("notice_older_redis", OLDER_REDIS),
    ],
)
def test_without_a_mechanism_the_search_finds_its_fault(missing: str, acts: tuple[str, ...]) -> None:
    with pytest.raises(Violation) as found:
        search(acts, Mechanisms()._replace(**{missing: False}))
    assert found.value.trace
