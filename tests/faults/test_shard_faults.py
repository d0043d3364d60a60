"""Four shards, each on a Redis of its own. One of these is killed, loses its data or hangs; the others go on."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.by_shard import ByShard
from tests.faults.cluster import Cluster, cluster_running, lasted
from tests.faults.conftest import Chat
from tests.faults.crowd import Crowd
from tests.faults.outside import Outside
from tests.support.clients import WsClient, register
from tests.support.shards import Layout

pytestmark = pytest.mark.faults

SHARDS = 4
EVERYBODY = 60.0  # seconds until all have joined again, on a busy machine


@pytest.fixture(scope="module")
def shared_cluster(outside: Outside) -> Iterator[Cluster]:
    env = {"OUTBOX_EVENTS": "200", "PING_SECONDS": "2", "WRITE_STALL_SECONDS": "3", "WORKER_CONCURRENCY": "6"}
    with cluster_running(env | outside.settings(), layout=Layout(SHARDS, SHARDS)) as cluster:
        outside.subscribe(cluster.urls[0])
        yield cluster


@pytest.fixture
def by_shard() -> ByShard:
    return ByShard(SHARDS)


def choose(by_shard: ByShard, rng: random.Random) -> int:
    """Returns the number of the shard to lose: one that has conversations, and not the first."""
    return rng.choice(sorted(by_shard.used() - {0}))


@contextmanager
def others_go_on(crowd: Crowd, by_shard: ByShard, lost: int) -> Iterator[None]:
    """Takes a shard away in the block, and expects acks in all conversations of the other shards, also after all
    sessions have joined again. ``assert_no_other_is_overloaded`` judges the refusals once the shard is back.
    """
    by_shard.begin()
    began = time.monotonic()
    yield
    wait_acks_elsewhere(crowd, by_shard, lost, 3)
    acks_there = by_shard.acks_in(lost)
    joined = join_again(crowd)
    join_first_time(crowd)
    wait_acks_elsewhere(crowd, by_shard, lost, 3)
    by_shard.end()
    assert by_shard.acks_in(lost) == acks_there, "the shard was not away"
    acks = sum(by_shard.acks[c] for c in by_shard.elsewhere(lost))
    print(f"shard {lost} was away: {acks} acks elsewhere in {time.monotonic() - began:.1f} s, joined in {joined:.1f} s")


def wait_acks_elsewhere(crowd: Crowd, by_shard: ByShard, lost: int, each: int) -> None:
    before = dict(by_shard.acks)
    others = by_shard.elsewhere(lost)
    assert others, "no conversation is in another shard"
    crowd.wait_for(
        lambda: all(by_shard.acks[c] >= before.get(c, 0) + each for c in others), 60, f"acks in conversations {others}"
    )


def join_again(crowd: Crowd) -> float:
    """Cuts all connections. Returns the seconds until everybody has joined again."""
    began, before = time.monotonic(), [talker.connections for talker in crowd.talkers]
    crowd.drop_connections()
    crowd.wait_for(
        lambda: all(t.connections > b for t, b in zip(crowd.talkers, before, strict=True)),
        EVERYBODY,
        "everybody to join while a shard is away",
    )
    return time.monotonic() - began


def join_first_time(crowd: Crowd) -> None:
    for url in crowd.urls:
        WsClient(url, register(url)).connect().join().finish()


def assert_no_other_is_overloaded(by_shard: ByShard, lost: int) -> None:
    """Expects that no act in another shard was refused as ``overloaded`` while the shard was away. Acts of members who
    were removed during the run are refused with ``not_found``, and so do not count.
    """
    elsewhere = [shard for shard, code in by_shard.refusals() if shard != lost and code == "overloaded"]
    assert not elsewhere, f"the shards of acts that were refused while shard {lost} was away: {elsewhere}"


def test_killed_shard_stops_no_other_and_loses_nothing(
    cluster: Cluster, chat: Chat, rng: random.Random, by_shard: ByShard
) -> None:
    with chat(watch=by_shard.add) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        lost = choose(by_shard, rng)
        with others_go_on(crowd, by_shard, lost):
            cluster.stores.servers[lost].kill()
        cluster.stores.servers[lost].start()
        crowd.fault_over()
        crowd.wait_acks(2)
    assert_no_other_is_overloaded(by_shard, lost)


@pytest.mark.scale
def test_shard_that_restarts_empty_gives_a_resync_and_stops_no_other(
    cluster: Cluster, chat: Chat, rng: random.Random, by_shard: ByShard
) -> None:
    """Its epoch ends, and every session gets a ``resync``."""
    with chat(reads=False, watch=by_shard.add) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        resyncs = [talker.resyncs for talker in crowd.talkers]
        lost = choose(by_shard, rng)
        with others_go_on(crowd, by_shard, lost):
            cluster.stores.servers[lost].kill()
        cluster.stores.servers[lost].wipe()
        cluster.stores.servers[lost].start()
        crowd.fault_over()
        crowd.wait_for(
            lambda: all(t.resyncs > before for t, before in zip(crowd.talkers, resyncs, strict=True)),
            60,
            "a resync for everybody",
        )
        crowd.wait_acks(2)
    assert_no_other_is_overloaded(by_shard, lost)


@pytest.mark.scale
def test_shard_that_hangs_stops_no_other(
    cluster: Cluster, chat: Chat, rng: random.Random, by_shard: ByShard, long_form: bool
) -> None:
    """Its Redis is frozen: nothing answers, and no connection breaks."""
    with chat(watch=by_shard.add) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        lost = choose(by_shard, rng)
        try:
            with others_go_on(crowd, by_shard, lost):
                cluster.stores.servers[lost].freeze()
                crowd.wait_for(lasted(rng.uniform(6, 30) if long_form else 8), 60, "the end of the freeze")
        finally:
            cluster.stores.servers[lost].thaw()
        crowd.fault_over()
        crowd.wait_acks(2)
    assert_no_other_is_overloaded(by_shard, lost)


@pytest.mark.scale
def test_chat_goes_on_when_the_killed_first_shard_is_back(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Everything that exists once is then away as well, and so is the broker of Celery."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.stores.servers[0].kill()
        crowd.wait_pending(20)
        cluster.stores.servers[0].start()
        crowd.fault_over()
        crowd.wait_acks(2)
