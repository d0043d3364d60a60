"""The lease of a drain is renewed during a step, and not after the drain has died, hung or ended."""

from __future__ import annotations

import threading

from redis.exceptions import ConnectionError as RedisDownError

from app.services.drain.lease_keeper import LeaseKeeper
from dev.processes import wait_until


class Renewals:
    """Counts calls, and fails a given number of times."""

    def __init__(self, failures: int = 0) -> None:
        self.count = 0
        self._failures = failures

    def __call__(self) -> None:
        self.count += 1
        if self.count <= self._failures:
            raise RedisDownError

    def wait_for(self, more: int) -> None:
        wanted = self.count + more
        wait_until(lambda: self.count >= wanted, 10, f"{more} renewals", every=0.001)


def wait_a_while() -> None:
    """Waits until another keeper has renewed its lease ten times."""
    renew = Renewals()
    another = LeaseKeeper(renew, 0.001)
    with another:
        another.begin_step()
        renew.wait_for(10)


def test_lease_is_renewed_again_and_again_during_a_step() -> None:
    renew = Renewals()
    keeper = LeaseKeeper(renew, 0.001)
    with keeper:
        keeper.begin_step()
        renew.wait_for(3)


def test_failing_redis_does_not_end_the_renewals() -> None:
    renew = Renewals(failures=2)
    keeper = LeaseKeeper(renew, 0.001)
    with keeper:
        keeper.begin_step()
        renew.wait_for(4)


def test_nothing_is_renewed_between_steps() -> None:
    renew = Renewals()
    keeper = LeaseKeeper(renew, 0.001)
    with keeper:
        keeper.begin_step()
        renew.wait_for(1)
        keeper.end_step()
        renew.count = 0
        wait_a_while()
    assert renew.count <= 1  # one may have been under way


def test_step_that_hangs_loses_its_lease() -> None:
    renew = Renewals()
    keeper = LeaseKeeper(renew, 0.001, at_most_seconds=0.0)
    with keeper:
        keeper.begin_step()
        wait_a_while()
    assert renew.count == 0


def test_nothing_is_renewed_after_the_end_and_the_keeper_can_begin_again() -> None:
    renew = Renewals()
    keeper = LeaseKeeper(renew, 0.001)
    for _ in range(2):
        with keeper:
            keeper.begin_step()
            renew.wait_for(1)
        count = renew.count
        assert [thread for thread in threading.enumerate() if thread.name == "lease-keeper"] == []
        assert renew.count == count
