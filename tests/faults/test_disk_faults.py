"""The disk of a store is full: Redis refuses writes, or Postgres fails or ends. Everything acked is stored."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.faults.cluster import Cluster, cluster_running, lasted
from tests.faults.conftest import Chat
from tests.faults.outside import Outside
from tests.support.small_disk import MAY_MOUNT, SmallDisk, small_disk

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not MAY_MOUNT, reason="only root on Linux can mount a small disk"),
]

NO_SPACE = "No space left on device"
POSTGRES_OPTIONS = {"max_connections": "200", "shared_buffers": "32MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}


class Disks(NamedTuple):
    postgres: SmallDisk
    valkey: SmallDisk


@pytest.fixture(scope="module")
def disks() -> Iterator[Disks]:
    with tempfile.TemporaryDirectory(prefix="parley-test-") as root:
        Path(root).chmod(0o755)  # PostgreSQL runs as another user
        with small_disk(Path(root) / "a", 600) as of_postgres, small_disk(Path(root) / "b", 100) as of_valkey:
            yield Disks(of_postgres, of_valkey)


@pytest.fixture(scope="module")
def shared_cluster(disks: Disks, outside: Outside) -> Iterator[Cluster]:
    def arrange(data: Path) -> None:
        data.parent.chmod(0o755)
        disks.postgres.take_in(data / "postgres")
        disks.valkey.take_in(data / "valkey")

    with cluster_running(outside.settings(), arrange=arrange, postgres_options=POSTGRES_OPTIONS) as cluster:
        outside.subscribe(cluster.urls[0])
        yield cluster


def test_disk_of_redis_is_full(cluster: Cluster, chat: Chat, rng: random.Random, disks: Disks) -> None:
    with chat() as crowd, cluster.stores.valkey.client() as client:

        def refuses() -> bool:
            info: Any = client.info("persistence")
            return bool(info["aof_last_write_status"] == "err")

        crowd.wait_acks(rng.randint(1, 3))
        disks.valkey.fill()
        try:
            crowd.wait_for(refuses, 30, "a Redis that cannot write its file")
            crowd.wait_for(lasted(rng.uniform(2, 8)), 60, "the end of the outage")
        finally:
            disks.valkey.empty()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_disk_of_postgres_is_full(cluster: Cluster, chat: Chat, rng: random.Random, disks: Disks) -> None:
    """Postgres fails transactions, or ends in a panic if its write-ahead log has no space. Then it is started again."""
    log = cluster.stores.postgres.log_path
    with chat() as crowd:
        crowd.wait_acks(rng.randint(1, 3))
        before = log.read_text(errors="replace").count(NO_SPACE)
        disks.postgres.fill()
        try:
            crowd.wait_for(
                lambda: log.read_text(errors="replace").count(NO_SPACE) > before, 60, "a Postgres without space"
            )
            crowd.wait_for(lasted(rng.uniform(2, 8)), 60, "the end of the outage")
        finally:
            disks.postgres.empty()
        cluster.start_stores()
        crowd.fault_over()
        crowd.wait_acks(2)
