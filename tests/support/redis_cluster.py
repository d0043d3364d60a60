"""Three Valkeys on loopback that are a cluster, each with a third of the slots and, if asked for, a replica."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from dev.embedded_valkey import EmbeddedValkey
from dev.processes import Guard, free_port, wait_until
from tests.support.patience import PATIENCE

SLOTS = 16384
PRIMARIES = 3
# A machine that runs other tests may hold a server up for a second, and that is no failure.
NODE_TIMEOUT_MS = 2000
# Plain publications go to all nodes, so nothing may use them. They are refused in every test with a cluster.
NO_PLAIN_PUBLICATIONS = "-publish -subscribe -psubscribe"


class RedisCluster:
    """``nodes`` are the servers: three primaries, then their replicas in the same order."""

    def __init__(self, directory: Path, guard: Guard, *, replicas: bool = False) -> None:
        count = PRIMARIES * (2 if replicas else 1)
        self.nodes = [_node(directory / f"node-{n}", guard) for n in range(count)]

    @property
    def url(self) -> str:
        """Names all nodes."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> RedisCluster:
        for node in self.nodes:
            node.start()
        self._give_slots()
        self._introduce()
        for primary, replica in zip(self.nodes, self.nodes[PRIMARIES:], strict=False):
            self._replicate(primary, replica)
        wait_until(self.is_whole, PATIENCE, "a whole cluster", every=0.05)
        return self

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def flush(self) -> None:
        for node in self.primaries():
            with node.client() as client:
                client.flushall()

    def heal(self) -> None:
        """Starts dead nodes again and waits until the cluster is whole."""
        for node in self.nodes:
            if not node.running():
                node.start()
        wait_until(self.is_whole, PATIENCE, "a whole cluster", every=0.05)

    def is_whole(self) -> bool:
        """Returns whether all nodes know each other, every slot has a primary, and replicas are up to date."""
        return all(_sees(node, len(self.nodes)) for node in self.nodes)

    def primaries(self) -> list[EmbeddedValkey]:
        return [node for node in self.nodes if node.running() and _role(node) == "master"]

    def node_of(self, key: str) -> EmbeddedValkey:
        """Returns the node that has the slot of this key."""
        return next(node for node in self.primaries() if _has(node, key))

    def other_than(self, key: str) -> EmbeddedValkey:
        """Returns a primary that does not have the slot of this key."""
        return next(node for node in self.primaries() if not _has(node, key))

    def kill_node_of(self, key: str) -> None:
        """Kills the node of this key, and returns once its replica has taken its place."""
        self.node_of(key).kill()
        wait_until(lambda: any(_has(node, key) for node in self.primaries()), PATIENCE, "the replica", every=0.05)

    def fail_over(self, key: str) -> EmbeddedValkey:
        """Promotes the replica of this key's node as an operator does, and returns it. The old node is its replica."""
        old = self.node_of(key)
        replica = next(node for node in self.nodes if node.running() and _follows(node, old))
        with replica.client() as client:
            client.execute_command("CLUSTER", "FAILOVER")
        wait_until(lambda: self.node_of(key) is replica and _follows(old, replica), PATIENCE, "a failover", every=0.05)
        wait_until(self.is_whole, PATIENCE, "a whole cluster", every=0.05)
        return replica

    def move_slot(self, key: str) -> EmbeddedValkey:
        """Moves the slot of this key to another primary, and returns that one. At once, if the servers can do it."""
        source, target, slot = self.node_of(key), self.other_than(key), key_slot(key.encode())
        try:
            with source.client() as client:
                client.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", node_id(target))
        except redis.ResponseError as error:
            if "unknown subcommand" not in str(error):
                raise
            return self.move_slot_by_keys(key)
        wait_until(lambda: self.node_of(key) is target, PATIENCE, "the slot to move", every=0.05)
        wait_until(self.is_whole, PATIENCE, "a whole cluster", every=0.05)
        return target

    def move_slot_by_keys(self, key: str) -> EmbeddedValkey:
        target = self.begin_to_move(key)
        self.move_keys(key, target)
        self.end_move(key, target)
        return target

    def begin_to_move(self, key: str) -> EmbeddedValkey:
        """Begins to move the slot of this key as older servers do, key by key. Returns the node that gets it.

        ``move_keys`` goes on, ``end_move`` ends it.
        """
        source, target, slot = self.node_of(key), self.other_than(key), key_slot(key.encode())
        with source.client() as there, target.client() as here:
            here.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", node_id(source))
            there.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", node_id(target))
        return target

    def move_keys(self, key: str, target: EmbeddedValkey) -> None:
        with self.node_of(key).client() as client:
            while names := client.execute_command("CLUSTER", "GETKEYSINSLOT", key_slot(key.encode()), 100):
                client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *names)

    def end_move(self, key: str, target: EmbeddedValkey) -> None:
        for node in (target, *self.primaries()):
            with node.client() as client:
                client.execute_command("CLUSTER", "SETSLOT", key_slot(key.encode()), "NODE", node_id(target))
        wait_until(self.is_whole, PATIENCE, "a whole cluster", every=0.05)

    def _give_slots(self) -> None:
        for number, node in enumerate(self.nodes[:PRIMARIES]):
            first, end = SLOTS * number // PRIMARIES, SLOTS * (number + 1) // PRIMARIES
            with node.client() as client:
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)

    def _introduce(self) -> None:
        with self.nodes[0].client() as client:
            for node in self.nodes[1:]:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, _bus_port(node))
        wait_until(lambda: all(_knows(node) == len(self.nodes) for node in self.nodes), PATIENCE, "nodes", every=0.05)

    def _replicate(self, primary: EmbeddedValkey, replica: EmbeddedValkey) -> None:
        with replica.client() as client:
            client.execute_command("CLUSTER", "REPLICATE", node_id(primary))


def _node(directory: Path, guard: Guard) -> EmbeddedValkey:
    directory.parent.mkdir(parents=True, exist_ok=True)
    users = directory.with_suffix(".acl")
    users.write_text(f"user default on nopass ~* &* +@all {NO_PLAIN_PUBLICATIONS}\n")
    options = {
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "cluster-node-timeout": str(NODE_TIMEOUT_MS),
        "aclfile": str(users),
    }
    return EmbeddedValkey(directory, guard=guard, tcp=True, options=options)


def _bus_port(node: EmbeddedValkey) -> int:
    with node.client() as client:
        return int(client.config_get("cluster-port")["cluster-port"])


def node_id(node: EmbeddedValkey) -> str:
    with node.client() as client:
        return str(client.execute_command("CLUSTER", "MYID").decode())


def _role(node: EmbeddedValkey) -> str:
    with node.client() as client:
        return str(client.info("replication")["role"])


def _follows(node: EmbeddedValkey, primary: EmbeddedValkey) -> bool:
    with node.client() as client:
        return bool(client.info("replication").get("master_port") == primary.port)


def _has(node: EmbeddedValkey, key: str) -> bool:
    with node.client() as client:
        try:
            client.exists(key)
        except redis.exceptions.AskError as error:  # of which MovedError is one
            return not isinstance(error, redis.exceptions.MovedError)
        except redis.exceptions.ClusterDownError:
            return False
    return True


def _knows(node: EmbeddedValkey) -> int:
    return int(_info(node)["cluster_known_nodes"])


def _sees(node: EmbeddedValkey, nodes: int) -> bool:
    info = _info(node)
    if (info["cluster_state"], info["cluster_slots_ok"], info["cluster_known_nodes"]) != ("ok", str(SLOTS), str(nodes)):
        return False
    with node.client() as client:
        replication = client.info("replication")
    if replication["role"] == "slave":
        return bool(replication["master_link_status"] == "up")
    return nodes == PRIMARIES or bool(replication["connected_slaves"])


def _info(node: EmbeddedValkey) -> dict[str, str]:
    with node.client() as client:
        text = client.execute_command("CLUSTER", "INFO")
    if isinstance(text, dict):
        return {str(name): str(value) for name, value in text.items()}
    return dict(line.split(":", 1) for line in text.decode().split())


@contextmanager
def running_cluster(directory: Path, *, replicas: bool = False) -> Iterator[RedisCluster]:
    directory.mkdir(parents=True, exist_ok=True)
    guard = Guard()
    made = RedisCluster(directory, guard, replicas=replicas)
    try:
        yield made.start()
    finally:
        made.stop()
        guard.close()


@pytest.fixture(scope="module")
def primaries_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made
