"""The clocks of the machines differ by two hours and are set back while everything runs."""

from __future__ import annotations

import random
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.cluster import Cluster, cluster_running
from tests.faults.conftest import Chat
from tests.faults.outside import Outside
from tests.support.processes import Stack
from tests.support.skewed_clock import CAN_SKEW, SkewedClock

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not CAN_SKEW, reason="the library that skews clocks is built for Linux on x86-64"),
]

# Storages of media take no request that is an hour old.
MACHINES, OFFSETS = 3, (-3550, 0, 3550)


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> list[SkewedClock]:
    """One of each machine: a gateway and a worker on each of two, and beat on the third."""
    directory = tmp_path_factory.mktemp("clocks")
    return [SkewedClock(directory / f"clock-{n}") for n in range(MACHINES)]


@pytest.fixture(scope="module")
def shared_cluster(clocks: list[SkewedClock], outside: Outside) -> Iterator[Cluster]:
    def put_on_machines(stack: Stack) -> None:
        assert stack.beat is not None
        machines = [[stack.web[0], stack.workers[0]], [stack.web[1], stack.workers[1]], [stack.beat]]
        for clock, children in zip(clocks, machines, strict=True):
            for child in children:
                child.env |= clock.env()

    # A gateway whose clock is ahead treats tokens of the other gateway as old, so they must live longer.
    settings = outside.settings() | {"ACCESS_TOKEN_SECONDS": "14400"}
    outside.expected = ("ImmatureSignatureError", "Message timestamp too")  # other services refuse wrong times
    with cluster_running(settings, prepare=put_on_machines) as cluster:
        outside.subscribe(cluster.urls[0])
        yield cluster
    outside.forget_expected()


@pytest.fixture(autouse=True)
def right_again(clocks: list[SkewedClock]) -> Iterator[None]:
    yield
    for clock in clocks:
        clock.set(0)


def clock_is_wrong(url: str) -> bool:
    """Returns whether the gateway itself warns of its clock. One of the two clocks is always wrong."""
    return "The clock of this process" in httpx.get(f"{url}/readyz?verbose", timeout=10).text


def test_clocks_that_differ_and_are_set_back(
    cluster: Cluster, chat: Chat, rng: random.Random, clocks: list[SkewedClock], outside: Outside
) -> None:
    with chat() as crowd:
        crowd.wait_acks(1)
        for _ in range(2):
            for clock, offset in zip(clocks, rng.sample(OFFSETS, MACHINES), strict=True):
                clock.set(offset)
            crowd.wait_for(lambda: any(clock_is_wrong(url) for url in cluster.urls), 30, "a wrong clock")
            crowd.wait_acks(3)
            crowd.wait_received(2)
        for clock in clocks:
            clock.set(0)
        crowd.wait_for(lambda: not any(clock_is_wrong(url) for url in cluster.urls), 60, "right clocks")
        crowd.fault_over()
        crowd.wait_acks(2)
        outside.retry_webhooks(cluster.urls[0])  # after the attempts that had begun with a wrong time
