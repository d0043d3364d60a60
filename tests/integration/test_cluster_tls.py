"""A Redis cluster behind TLS that wants certificates of its clients, and a user who has only the keys of Parley.

The embedded Valkey has no TLS. Each node announces the port of a proxy that has it, and the name in its certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from app.config import Settings
from app.message_log.shard_keys import ShardKeys
from app.redis_check import check_redis_addresses
from app.redis_cluster import slot_primary
from app.redis_connections import connect_redis, one_connection
from app.redis_publications import publish, subscribe
from dev.processes import free_port, wait_until
from tests.support import redis_settings
from tests.support.certificates import NAME, Certificates
from tests.support.clients import WsClient, register
from tests.support.outage import after_outage
from tests.support.patience import PATIENCE
from tests.support.private_stack import UNLIMITED, private_stores, running
from tests.support.processes import Stack
from tests.support.redis_cluster import RedisCluster, primaries_only
from tests.support.shards import Layout
from tests.support.tls_proxy import TlsProxy

__all__ = ["primaries_only"]

SHARDS = 4
KEYS = ShardKeys(1)


class TlsCluster:
    """``ports`` are those of TLS, in the order of the nodes."""

    def __init__(self, nodes: RedisCluster, certificates: Certificates, proxies: ExitStack) -> None:
        self.nodes, self.certificates = nodes, certificates
        self.ports = [free_port() for _ in nodes.nodes]
        for node, port in zip(nodes.nodes, self.ports, strict=True):
            proxies.enter_context(TlsProxy(port, node.port, certificates.server_context()))
            with node.client() as client:
                client.config_set("cluster-announce-port", port)
                client.config_set("cluster-announce-hostname", NAME)
                client.config_set("cluster-preferred-endpoint-type", "hostname")
                client.execute_command("ACL", "SETUSER", "parley", "on", ">p@ss", "~{parley*", "&{parley*", "+@all")
        wait_until(self._is_announced, PATIENCE, "the announced ports", every=0.05)

    def url(self, *, host: str = NAME, options: str | None = None) -> str:
        places = ",".join(f"{host}:{port}" for port in self.ports)
        return f"rediss+cluster://parley:p%40ss@{places}{self.certificates.options if options is None else options}"

    def _is_announced(self) -> bool:
        return all(self._ports_seen_by(node) == sorted(self.ports) for node in self.nodes.nodes)

    def _ports_seen_by(self, node: Any) -> list[int]:
        with node.client() as client:
            slots = client.execute_command("CLUSTER", "SLOTS")
        return sorted(primary[1] for _, _, primary, *_ in slots)


@pytest.fixture(scope="module")
def cluster(primaries_only: RedisCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsCluster]:
    with ExitStack() as proxies:
        yield TlsCluster(primaries_only, Certificates(tmp_path_factory.mktemp("certificates")), proxies)
    slot_primary.cache_clear()


def settings_for(url: str, **changes: Any) -> Settings:
    return redis_settings.settings_for(url, shards=SHARDS, **changes)


def test_connections_follow_a_slot_to_another_node(cluster: TlsCluster) -> None:
    settings, channel = settings_for(cluster.url()), KEYS.gateway_channel("here")
    listening = connect_redis(settings, 1, timeout_seconds=30, fail_fast=False)
    with one_connection(settings, 1) as single, connect_redis(settings, 1) as pooled, listening:
        for text in (b"first", b"second", b"third"):
            after_outage(lambda text=text: single.set(KEYS.version, text))
            assert after_outage(lambda: pooled.get(KEYS.version)) == text
            with subscribe(listening, channel) as pubsub:
                pubsub.connection.read_response(push_request=True)
                publish(pooled, channel, text)
                assert pubsub.connection.read_response(push_request=True)[2] == text
            # Not at once: a node would look for the other one at its announced port, and finds TLS there.
            cluster.nodes.move_slot_by_keys(KEYS.epoch)
            assert single.connection is not None
            assert (single.connection.host, single.connection.port in cluster.ports) == (NAME, True)


def test_certificate_of_another_name_is_refused_unless_verification_is_off(cluster: TlsCluster) -> None:
    url = cluster.url(host="127.0.0.1")
    with connect_redis(settings_for(url), 1) as client, pytest.raises(redis.ConnectionError, match="not valid for"):
        client.ping()
    with connect_redis(settings_for(url, redis_tls_verify=False), 1) as client:
        assert client.ping()


def test_certificate_of_an_unknown_authority_is_refused(cluster: TlsCluster) -> None:
    url = cluster.url(options="")
    with connect_redis(settings_for(url), 1) as client, pytest.raises(redis.ConnectionError, match="verify failed"):
        client.ping()


def test_client_without_a_certificate_is_refused(cluster: TlsCluster) -> None:
    """The client sees that after the handshake: at a write or at a read."""
    url = cluster.url(options=f"?ssl_ca_certs={cluster.certificates.path('ca.pem')}")
    with connect_redis(settings_for(url), 1) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_right_address_is_no_problem_at_the_start(cluster: TlsCluster, caplog: pytest.LogCaptureFixture) -> None:
    check_redis_addresses(settings_for(cluster.url()))
    assert not caplog.records


@pytest.mark.parametrize("change", [("rediss+", "redis+"), (NAME, "127.0.0.1")], ids=["no TLS", "another name"])
def test_address_that_gets_no_connection_is_one_line(
    cluster: TlsCluster, caplog: pytest.LogCaptureFixture, change: tuple[str, str]
) -> None:
    url = cluster.url(options="" if change[1] == "redis+" else None).replace(*change)
    check_redis_addresses(settings_for(url))
    (record,) = caplog.records
    assert "REDIS_URL: no answer yet" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert "p@ss" not in record.getMessage()


@pytest.fixture
def stack(cluster: TlsCluster) -> Iterator[Stack]:
    with private_stores(layout=Layout(SHARDS)) as stores:
        broker = {"CELERY_BROKER_URL": stores.valkey.url()}
        urls = {"database_url": stores.postgres.url(), "redis_url": cluster.url()}
        with running(Stack(stores, stores.directory / "logs", web=2, env=UNLIMITED | broker, **urls)) as made:
            yield made


def test_chat_over_tls(stack: Stack) -> None:
    ann, ben = (register(url) for url in stack.base_urls)
    writer, reader = WsClient(stack.base_urls[0], ann), WsClient(stack.base_urls[1], ben)
    for client in (writer, reader):
        client.join()
    rooms = [int(writer.rest.group(members=[ben.user_id])["id"]) for _ in range(SHARDS)]
    assert {room % SHARDS for room in rooms} == set(range(SHARDS))
    for room in rooms:
        sent = writer.send("hello", conversationId=room)
        assert (sent["seq"], sent["status"]) == (2, "stored")
        assert reader.next_message(sent["id"])["seq"] == 2
    for client in (writer, reader):
        client.finish()
