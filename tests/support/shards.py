"""Several shards for the stacks of the tests: how many, and on which Redis servers (``make scale``).

``PARLEY_TEST_SHARDS`` is their number. ``PARLEY_TEST_REDIS`` says where they are: on the one Valkey of the stores
(``one``, the default), each on a Valkey of its own (``several``), or in a cluster of three nodes (``cluster``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import Settings
from app.message_log.shards import Shards
from app.redis_connections import connect_shards
from dev.embedded import EmbeddedStores, EmbeddedValkey
from tests.support.redis_cluster import RedisCluster

PLACES = ("one", "several", "cluster")


@dataclass(frozen=True)
class Layout:
    """``servers`` are plain ones, and the first is that of the stores. In a cluster, that one is only the broker."""

    shards: int = 1
    servers: int = 1
    cluster: bool = False


def chosen_layout(env: Mapping[str, str] = os.environ) -> Layout:
    """Returns the layout of this test run."""
    shards, place = int(env.get("PARLEY_TEST_SHARDS", "1")), env.get("PARLEY_TEST_REDIS", "one")
    if place not in PLACES:
        raise ValueError(f"PARLEY_TEST_REDIS={place!r} is none of {', '.join(PLACES)}")
    return Layout(shards, shards if place == "several" else 1, place == "cluster")


class ShardedStores(EmbeddedStores):
    """The embedded stores, and beside them the other Redis servers of the layout.

    ``servers[n]`` is the Valkey of shard n, if each has its own.
    """

    def __init__(self, directory: Path, *, layout: Layout | None = None, **options: Any) -> None:
        super().__init__(directory, **options)
        self.layout = layout or chosen_layout()
        self.servers = [self.valkey, *(self._server(n) for n in range(1, self.layout.servers))]
        self.cluster = RedisCluster(self.directory / "cluster", self.guard) if self.layout.cluster else None

    def _server(self, number: int) -> EmbeddedValkey:
        return EmbeddedValkey(self.directory / f"valkey-{number}", guard=self.guard, tcp=True)

    def start(self) -> ShardedStores:
        super().start()
        try:
            self.start_servers()
            if self.cluster is not None:
                self.cluster.start()
        except BaseException:
            self.stop()
            raise
        return self

    def start_servers(self) -> None:
        """Starts each plain Redis server that does not run."""
        for server in self.servers:
            if not server.running():
                server.start()

    def stop(self) -> None:
        for server in self.servers[1:]:
            server.stop()
        if self.cluster is not None:
            self.cluster.stop()
        super().stop()

    def flush_redis(self) -> None:
        for server in self.servers:
            with server.client() as client:
                client.flushall()
        if self.cluster is not None:
            self.cluster.flush()

    def __enter__(self) -> ShardedStores:
        return self.start()

    def settings(self, redis_url: str) -> dict[str, str]:
        """Returns the settings of a stack over these stores. If the address is not theirs, all shards are at that
        address.
        """
        found = {"REDIS_URL": redis_url}
        if self.layout.shards > 1:
            found |= {"SHARDS": str(self.layout.shards)}
        if redis_url != self.valkey.url():
            return found
        if self.cluster is not None:
            found |= {"REDIS_URL": self.cluster.url, "CELERY_BROKER_URL": redis_url}
        elif len(self.servers) > 1:
            found["REDIS_SHARD_URLS"] = " ".join(server.url() for server in self.servers)
        return found


@contextmanager
def connected_shards(env: Mapping[str, str]) -> Iterator[Shards]:
    """Connects to the Redis of each shard, as a process with these settings does."""
    shards = Shards(connect_shards(Settings.from_env(env)))
    try:
        yield shards
    finally:
        shards.close()
