"""Postgres is down, hangs, or commits without its answer arriving."""

from __future__ import annotations

import random
import re

import pytest

from app.message_log import keys
from tests.faults.cluster import Cluster, lasted, until
from tests.faults.conftest import Chat

pytestmark = pytest.mark.faults


def carries_messages(chunk: bytes) -> bool:
    """A batch is one self-committing statement that contains the talkers' texts ("7#12")."""
    return re.search(rb"\d+#\d+", chunk) is not None


def test_chat_continues_while_postgres_is_stopped(
    cluster: Cluster, chat: Chat, rng: random.Random, long_form: bool
) -> None:
    """No ack comes while Postgres is down, but every message still reaches its receiver, and acks come afterwards."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.stack.stop_postgres()
        outage = lasted(rng.uniform(8, 30) if long_form else 6)
        acked = sum(t.acked for t in crowd.talkers)
        crowd.wait_received(4, 20)
        crowd.wait_for(outage, 40, "the end of the outage")
        late = sum(t.acked for t in crowd.talkers) - acked
        assert late <= len(crowd.talkers) * 2, f"{late} acks without a store"
        cluster.stack.start_postgres()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_chat_continues_while_postgres_is_frozen(
    cluster: Cluster, chat: Chat, rng: random.Random, long_form: bool
) -> None:
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.stores.postgres.freeze()
        try:
            outage = lasted(rng.uniform(8, 30) if long_form else 6)
            crowd.wait_received(4, 20)
            crowd.wait_for(outage, 40, "the end of the outage")
        finally:
            cluster.stores.postgres.thaw()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_commit_without_an_answer_is_not_stored_twice(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """The transaction commits but the worker gets no answer. It repeats the batch, and no row is stored twice."""
    with chat() as crowd:
        for _ in range(rng.randint(2, 4)):
            crowd.wait_acks(1)
            cuts = cluster.to_postgres.cuts
            cluster.to_postgres.cut_reply_to(carries_messages)
            crowd.wait_for(lambda n=cuts: cluster.to_postgres.cuts > n, 20, "a commit whose reply is cut")
        crowd.fault_over()
        crowd.wait_acks(1)


def test_random_cuts_of_the_postgres_connection(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        for _ in range(4):
            cluster.to_postgres.drop_replies_after(rng.randint(0, 4000))
            crowd.wait_for(lambda: not cluster.to_postgres.armed, 20, "the cut")
        crowd.fault_over()
        crowd.wait_acks(1)


def test_slow_postgres_connection(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        cluster.to_postgres.delay(rng.uniform(0.05, 0.15))
        crowd.wait_acks(3, 60)
        cluster.to_postgres.heal()
        crowd.fault_over()


POISONS = {
    "noise": b"not msgpack at all",
    "nil-record": b"\x91\xc0",
    "no-such-conversation": b"\x91\x9a\x01\x01\x01\x01\x01\x01\xa1x\xa1{\xa0\xa0",
    "empty": b"",
}


def test_unstorable_log_records_become_dead_letters(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        crowd.wait_acks(rng.randint(1, 3))
        before = cluster.dead_letters()
        with cluster.stores.valkey.client() as client:
            for poison in rng.sample(list(POISONS.values()), len(POISONS)):
                client.xadd(keys.FIRST.log, {b"r": poison})
        crowd.fault_over()
        crowd.wait_acks(2, 60)
        until(lambda: cluster.dead_letters() == before + len(POISONS), 30, "the dead letters")
