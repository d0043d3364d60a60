"""A gateway dies, or is asked to stop."""

from __future__ import annotations

import functools
import random
import signal

import pytest

from tests.faults.cluster import Cluster, lasted
from tests.faults.conftest import Chat
from tests.faults.talker import Talker
from tests.support.processes import STOP_SECONDS
from tests.support.store_template import migrate

pytestmark = pytest.mark.faults


def test_kill_9_of_a_gateway(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        cluster.stack.kill_web(index)
        crowd.fault_over()
        crowd.wait_acks(2)
        cluster.stack.start_web(index)
        crowd.wait_acks(2)


def test_kill_9_of_the_process_below_gunicorn(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """The arbiter survives and starts another worker at once."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        for process in cluster.web_children(index):
            process.kill()
        crowd.fault_over()
        crowd.wait_acks(2)
        cluster.stack.wait_ready(index)


def test_sigterm_under_load(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Every session gets 1001 within a second, the process ends within 25 s, and nothing is lost."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        gateway = cluster.stack.web[index]
        on_gateway = functools.partial(Talker.on_websocket, url=cluster.urls[index])
        crowd.wait_for(lambda: any(map(on_gateway, crowd.talkers)), 20, "a WebSocket session there")
        before = {talker: talker.close_codes.count(1001) for talker in crowd.talkers if on_gateway(talker)}
        gateway.signal(signal.SIGTERM)
        gateway.wait(STOP_SECONDS)
        crowd.wait_for(
            lambda: all(talker.close_codes.count(1001) > count for talker, count in before.items()),
            20,
            "the close of every session with 1001",
        )
        crowd.fault_over()
        crowd.wait_acks(2)
        cluster.stack.start_web(index)
        crowd.wait_acks(2)


def test_rolling_restart(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """A deployment under load: the release command, then SIGTERM to each gateway and worker in turn, and a new one in
    its place.
    """
    with chat() as crowd:
        crowd.wait_acks(2)
        migrate(cluster.database_url, cluster.stores.valkey.url())
        for index in rng.sample(range(2), 2):
            for child in (cluster.stack.web[index], cluster.stack.workers[index]):
                child.signal(signal.SIGTERM)
                child.wait(STOP_SECONDS)
                child.start()
                cluster.stack.wait_ready(index)
            crowd.wait_acks(1)
        crowd.fault_over()


def test_storm_of_reconnects(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """All clients lose their connection at once and come back at once, several times."""
    with chat() as crowd:
        for _ in range(rng.randint(2, 4)):
            crowd.drop_connections()
            crowd.wait_acks(1)
        crowd.drop_connections()
        crowd.fault_over()


def test_paused_gateway(cluster: Cluster, chat: Chat, rng: random.Random, long_form: bool) -> None:
    """A gateway hangs and goes on. In the long form, the other gateway buries it before it goes on."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(1, 3))
        with cluster.frozen(cluster.stack.web[rng.randrange(2)]):
            crowd.wait_for(lasted(rng.uniform(11, 16) if long_form else 3), 60, "the end of the pause")
        crowd.fault_over()
        crowd.wait_acks(2)
