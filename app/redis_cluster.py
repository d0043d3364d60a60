"""Connections to the node of a Redis cluster that has one slot. They follow the slot to another node.

All keys and channels of a shard have one hash tag and so are in one slot. A client that stays with the node of that
slot can do everything that it can do with a server of its own: scripts, pipelines, blocking reads, and publish and
subscribe (app/redis_publications.py).
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError
from redis.retry import Retry

from app.redis_addresses import ClusterAddress
from app.redis_primary import Place, PrimaryConnection, WrongAddressError

ANSWER_SECONDS = 1.0  # for the answer to one look-up of one key, which a node gives at once
_NOT_OF_THIS_NODE = (AskError, MovedError, TryAgainError, ClusterDownError)
# How the errors of commands in scripts say the same. They have no code of their own.
_NOT_OF_THIS_NODE_TEXTS = ("access a non local key", "while the cluster is down")


class SlotPrimary:
    """Finds the node that has the slot of ``key``: any node answers for its own keys, and names the node of others.

    The node that was found last is asked first, unless it is doubted. So another node's death changes nothing here,
    even if the cluster has other names for its nodes than the address.
    """

    def __init__(self, address: ClusterAddress, key: str, *, verify: bool = True) -> None:
        self.found: Place | None = None
        self._doubted: Place | None = None
        self._address = address
        self._key = key
        self._options: dict[str, Any] = address.options(verify=verify) | {
            "ssl": address.ssl,
            "retry": Retry(NoBackoff(), 0),
            "socket_timeout": ANSWER_SECONDS,
            "socket_connect_timeout": ANSWER_SECONDS,
        }
        self._nodes: list[Place] = list(address.nodes)
        self._order = threading.Lock()

    def find(self) -> Place:
        """Returns host and port. Raises WrongAddressError if a Sentinel answers, ConnectionError if no node does."""
        failures: list[str] = []
        for node in self._nodes_to_ask():
            try:
                self.found = self._ask(node)
            except redis.RedisError as error:
                failures.append(f"{node[0]}:{node[1]}: {error}")
                self.doubt(node)
            else:
                return self.found
        hosts = self._address.hosts
        if any("unknown command" in failure.lower() for failure in failures):
            raise WrongAddressError(f"there is a Sentinel at {hosts}, not a Redis cluster")
        raise redis.ConnectionError(f"no node of the Redis cluster at {hosts} answers: {failures[0]}")

    def doubt(self, node: Place | None = None) -> None:
        """Asks this node, or the found one, last from now on: it does not answer or is not up to date."""
        with self._order:
            doubted = node or self.found
            if doubted == self.found:
                self._doubted = doubted
            if doubted in self._nodes:
                self._nodes.remove(doubted)
                self._nodes.append(doubted)

    def _nodes_to_ask(self) -> list[Place]:
        with self._order:
            others = [node for node in self._nodes if node != self.found]
            if self.found is None:
                return others
            return [*others, self.found] if self.found == self._doubted else [self.found, *others]

    def _ask(self, node: Place) -> Place:
        """Raises RedisError if the node does not know, because it or the cluster is down."""
        host, port = node
        with redis.Redis(host, port, **self._options) as client:
            try:
                client.exists(self._key)
            except MovedError as moved:
                return moved.host or host, moved.port
            except AskError:
                pass  # the slot is being moved, key by key, and is still this node's
        return node


@cache
def slot_primary(address: ClusterAddress, key: str, *, verify: bool) -> SlotPrimary:
    """Returns the object that all connections of this process share. If one connection finds the node, the others use
    it too.
    """
    return SlotPrimary(address, key, verify=verify)


class ClusterConnection(PrimaryConnection):
    def read_response(self, *args: Any, **options: Any) -> Any:
        """Raises ConnectionError on a subscription if its slot has moved to another node. A node that was cut off
        does not end its subscriptions.
        """
        if options.get("push_request") and self.is_elsewhere():
            self.disconnect()  # type: ignore[no-untyped-call]
            raise redis.ConnectionError("the slot has moved to another node")
        return super().read_response(*args, **options)

    @staticmethod
    def refuses(error: redis.ResponseError) -> bool:
        if isinstance(error, _NOT_OF_THIS_NODE) or PrimaryConnection.refuses(error):
            return True
        return any(text in str(error) for text in _NOT_OF_THIS_NODE_TEXTS)


class ClusterTlsConnection(ClusterConnection, redis.SSLConnection):
    pass


def is_on_cluster(client: redis.Redis) -> bool:
    kind = getattr(getattr(client, "connection_pool", None), "connection_class", None)
    return isinstance(kind, type) and issubclass(kind, ClusterConnection)
