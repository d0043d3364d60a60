"""A host's transactions with messages, half of them rolled back, while relays and gateways are killed."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from parley_sdk import ParleyServer
from sqlalchemy import Engine, text

from dev.processes import Guard
from tests.faults.cluster import Cluster, until
from tests.faults.host_shop import Writers, committed, host_shop
from tests.faults.outside import KEY
from tests.sdk.host_database import waiting
from tests.sdk.relay_process import start_relay
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.faults

CONVERSATIONS = 12
# The first seed of the long form is the promise in full; the others vary it.
TRANSACTIONS, TRANSACTIONS_LONG, TRANSACTIONS_FULL = 300, 1000, 10_000
KILL_EVERY, MAX_KILLS = 100, 40
DRAIN_SECONDS = 300.0
_SENDING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND state = 'idle in transaction'"
)


class RelayProcess:
    def __init__(self, host: Engine, url: str, name: str, guard: Guard) -> None:
        self._host, self._name, self._guard = host, name, guard
        self._database, self._url = host.url.update_query_dict({"application_name": name}), url
        self.start()

    def start(self) -> None:
        self._process = start_relay(self._database, self._url, KEY, start_new_session=True)
        self._guard.add(self._process.pid, signal.SIGKILL)

    def is_sending(self) -> bool:
        """Returns whether it holds rows while it waits for an answer."""
        with self._host.connect() as connection:
            return bool(connection.execute(_SENDING, {"name": self._name}).scalar_one())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._guard.drop(self._process.pid)


@pytest.fixture
def host(tmp_path: Path, cluster: Cluster) -> Iterator[Engine]:
    with host_shop(tmp_path, cluster.stores.guard) as engine:
        yield engine


@pytest.fixture
def relays(host: Engine, cluster: Cluster) -> Iterator[list[RelayProcess]]:
    with ExitStack() as stack:
        made = [RelayProcess(host, url, f"relay-{n}", cluster.stores.guard) for n, url in enumerate(cluster.urls)]
        for relay in made:
            stack.callback(relay.kill)
        yield made


@pytest.fixture
def conversations(cluster: Cluster, seed: int) -> list[str]:
    names = [f"order-{seed}-{number}" for number in range(CONVERSATIONS)]
    with ParleyServer(cluster.urls[0], KEY, trust_env=False) as parley:
        parley.users.put("customer")
        for name in names:
            parley.conversations.put(name, name="Order", members=["customer"])
    return names


def test_outbox_sends_what_was_committed_once_and_in_order(
    cluster: Cluster,
    host: Engine,
    relays: list[RelayProcess],
    conversations: list[str],
    rng: random.Random,
    seed: int,
    long_form: bool,
    request: pytest.FixtureRequest,
) -> None:
    total = TRANSACTIONS if not long_form else TRANSACTIONS_FULL if seed == 1 else TRANSACTIONS_LONG
    writers = Writers(host, conversations, total, seed)
    every = max(KILL_EVERY, total // MAX_KILLS)
    kills = done = 0
    try:
        for allowed in range(every, total + 1, every):
            writers.allow(every)
            until(lambda allowed=allowed: writers.begun > allowed - every // 2, PATIENCE, "transactions")
            _kill_one(cluster, relays, rng, kills)
            kills += 1
            print(f"{writers.begun} transactions, {kills} kills", flush=True)
    finally:
        done = writers.finish(DRAIN_SECONDS)
    until(lambda: waiting(host) == 0, DRAIN_SECONDS, "an empty outbox")
    cluster.wait_drained()
    stored = {name: _stored(cluster, name) for name in conversations}
    expected = {name: committed(host, name) for name in conversations}
    assert stored == expected
    assert 0.4 * total < done < 0.6 * total
    count = sum(map(len, stored.values()))
    assert count >= done
    request.node.user_properties += [("acked", count), ("kills", kills)]
    print(f"{total} transactions, {done} committed with {count} messages, {kills} kills")


def _kill_one(cluster: Cluster, relays: list[RelayProcess], rng: random.Random, turn: int) -> None:
    """Kills a relay that waits for an answer, or the gateway that it waits for."""
    index = rng.randrange(len(relays))
    until(relays[index].is_sending, PATIENCE, f"relay {index} to send")
    if turn % 2 == 0:
        relays[index].kill()
        relays[index].start()
    else:
        cluster.stack.kill_web(index)
        cluster.stack.start_web(index)


def _stored(cluster: Cluster, conversation: str) -> list[str]:
    query = (
        "SELECT m.body FROM messages AS m JOIN conversations AS c ON c.id = m.conversation_id"
        " WHERE c.external_id = %s AND m.body <> '' ORDER BY m.seq"
    )
    with psycopg.connect(cluster.database_url) as connection:
        return [body for (body,) in connection.execute(query, (conversation,))]
