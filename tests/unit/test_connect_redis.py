"""The Redis client: commands are sent once, waits are bounded, TLS is verified unless the deployment says otherwise."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import redis

from app.config import Settings
from app.extensions import connect_redis


def settings(url: str, **changes: Any) -> Settings:
    return Settings(app_env="test", database_url="", redis_url=url, broker_url=url, secret_key="x" * 32, **changes)


def connection(url: str, **changes: Any) -> Any:
    return connect_redis(settings(url, **changes)).connection_pool.make_connection()


def test_nothing_is_sent_twice_and_no_wait_is_without_end() -> None:
    made = connection("redis://127.0.0.1:1/3")
    assert made.retry.get_retries() == 0
    assert (made.socket_timeout, made.socket_connect_timeout, made.db) == (5, 5, 3)
    assert made.socket_keepalive


@pytest.mark.parametrize(("verify", "mode"), [(True, ssl.CERT_REQUIRED), (False, ssl.CERT_NONE)])
def test_a_self_signed_chain_passes_only_where_the_settings_say_so(verify: bool, mode: ssl.VerifyMode) -> None:
    made = connection("rediss://:secret@127.0.0.1:1", redis_tls_verify=verify)
    assert isinstance(made, redis.SSLConnection)
    assert made.cert_reqs == mode
    assert made.check_hostname is verify


def test_a_unix_socket_will_do() -> None:
    assert connection("unix:///run/redis.sock?db=2").path == "/run/redis.sock"


def test_who_finds_all_connections_in_use_waits_for_one(redis_url: str) -> None:
    with connect_redis(settings(redis_url, redis_pool_size=1), timeout_seconds=0.2) as client:
        held = client.connection_pool.get_connection()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        client.connection_pool.release(held)
        assert client.ping()
