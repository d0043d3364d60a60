from __future__ import annotations

import pytest

from app.core.errors import RateLimited
from app.services.auth.read_rate import PEOPLE_PER_ADDRESS, ReadRate


def test_user_has_a_burst_and_others_are_not_affected() -> None:
    reads = ReadRate(0.001, 5)
    for _ in range(5):
        reads.count(1, "a")
    with pytest.raises(RateLimited):
        reads.count(1, "b")
    reads.count(2, "a")


def test_address_is_limited_over_all_its_users() -> None:
    reads = ReadRate(0.001, 1)
    for user in range(PEOPLE_PER_ADDRESS):
        reads.count(user, "a")
    with pytest.raises(RateLimited):
        reads.count(98, "a")
    reads.count(99, "b")


def test_no_limit() -> None:
    reads = ReadRate(0, 0)
    for _ in range(1000):
        reads.count(1, "a")
