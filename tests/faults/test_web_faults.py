"""A gateway dies, or is asked to stop."""

from __future__ import annotations

import random
import signal

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Chat
from tests.support.processes import STOP_SECONDS

pytestmark = pytest.mark.faults


def test_kill_9_of_a_gateway(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        cluster.stack.kill_web(index)
        crowd.wait_acks(3)
        cluster.stack.start_web(index)
        crowd.wait_acks(2)


def test_kill_9_of_the_process_below_gunicorn(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """The arbiter survives and starts another worker at once."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        for process in cluster.web_children(index):
            process.kill()
        crowd.wait_acks(3)
        cluster.stack.wait_ready(index)


def test_sigterm_under_load(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Every session gets 1001 within a second, the process ends within 25 s, and nothing is lost."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        gateway = cluster.stack.web[index]
        before = sum(t.close_codes.count(1001) for t in crowd.talkers)
        gateway.signal(signal.SIGTERM)
        crowd.wait_for(
            lambda: sum(t.close_codes.count(1001) for t in crowd.talkers) > before,
            20,
            "the first 1001 close",
        )
        gateway.wait(STOP_SECONDS)
        closed_sessions = sum(t.close_codes.count(1001) for t in crowd.talkers) - before
        assert closed_sessions >= 3, f"only {closed_sessions} sessions got the close"
        crowd.wait_acks(3)
        cluster.stack.start_web(index)
        crowd.wait_acks(2)


def test_gateways_killed_one_after_the_other(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """A rolling restart by SIGKILL."""
    with chat() as crowd:
        for index in rng.sample(range(2), 2):
            crowd.wait_acks(2)
            cluster.stack.kill_web(index)
            cluster.stack.start_web(index)
        crowd.wait_acks(2)
