"""The Redis client: commands are sent once, waits are bounded, TLS is verified unless the deployment disables it."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from app.redis_check import check_redis_addresses
from app.redis_connections import IDLE_SECONDS, connect_redis, one_connection
from dev.embedded_valkey import EmbeddedValkey
from dev.processes import free_port, wait_until
from tests.support.certificates import NAME, Certificates
from tests.support.own_valkey import lone_node
from tests.support.patience import PATIENCE
from tests.support.redis_settings import OTHER_BROKER, problem, settings_for
from tests.support.tcp_proxy import TcpProxy
from tests.support.tls_proxy import TlsProxy

__all__ = ["lone_node"]

SERVER = "rediss://me:secret@127.0.0.1:1/3"
BEHIND_SENTINELS = "redis+sentinel://me:secret@127.0.0.1:1/chat/3?ssl=true"
NODE_OF_CLUSTER = "rediss+cluster://me:secret@127.0.0.1:1"


def connection(url: str, **changes: Any) -> Any:
    return connect_redis(settings_for(url, **changes)).connection_pool.make_connection()


def test_no_retries_and_every_wait_has_a_timeout() -> None:
    made = connection("redis://127.0.0.1:1/3")
    assert made.retry.get_retries() == 0
    assert (made.socket_timeout, made.socket_connect_timeout, made.db) == (3, 3, 3)
    assert made.socket_keepalive


@pytest.mark.parametrize("url", [SERVER, BEHIND_SENTINELS, NODE_OF_CLUSTER])
@pytest.mark.parametrize(("verify", "mode"), [(True, ssl.CERT_REQUIRED), (False, ssl.CERT_NONE)])
def test_self_signed_chain_passes_only_with_verification_off(url: str, verify: bool, mode: ssl.VerifyMode) -> None:
    made = connection(url, redis_tls_verify=verify)
    assert isinstance(made, redis.SSLConnection)
    assert (made.cert_reqs, made.check_hostname) == (mode, verify)


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])


def test_server_over_tls_must_have_the_name_of_its_certificate(redis_url: str, tmp_path: Path) -> None:
    port, certificates = free_port(), Certificates(tmp_path)
    with TlsProxy(port, port_of(redis_url), certificates.server_context()):
        with connect_redis(settings_for(f"rediss://{NAME}:{port}/0{certificates.options}")) as client:
            assert client.ping()
        wrong = f"rediss://127.0.0.1:{port}/0{certificates.options}"
        with connect_redis(settings_for(wrong)) as client, pytest.raises(redis.ConnectionError, match="not valid for"):
            client.ping()
        with connect_redis(settings_for(wrong, redis_tls_verify=False)) as client:
            assert client.ping()


@pytest.mark.parametrize(("url", "db"), [(SERVER, 3), (BEHIND_SENTINELS, 3), (NODE_OF_CLUSTER, 0)])
def test_connection_logs_in_with_the_user_of_the_address(url: str, db: int) -> None:
    made = connection(url)
    assert (made.username, made.password, made.db, made.retry.get_retries()) == ("me", "secret", db, 0)


def test_cluster_of_which_no_node_answers_is_named() -> None:
    with pytest.raises(redis.ConnectionError, match=r"no node of the Redis cluster at 127\.0\.0\.1:1 answers"):
        connection(NODE_OF_CLUSTER).connect()


def test_unix_socket_urls_work() -> None:
    assert connection("unix:///run/redis.sock?db=2").path == "/run/redis.sock"


def test_caller_waits_for_a_free_connection_up_to_the_timeout(redis_url: str) -> None:
    with connect_redis(settings_for(redis_url, redis_pool_size=1), timeout_seconds=0.2) as client:
        held = client.connection_pool.get_connection()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        client.connection_pool.release(held)
        assert client.ping()


def test_after_a_timeout_calls_fail_at_once_until_one_succeeds(redis_url: str) -> None:
    """A request that calls Redis several times waits for one timeout, not for each."""
    with TcpProxy(port_of(redis_url)) as proxy:
        client = connect_redis(settings_for(f"redis://127.0.0.1:{proxy.port}/0"), timeout_seconds=0.3)
        assert client.ping()
        proxy.blackhole()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        accepted = proxy.accepted
        for _ in range(20):
            with pytest.raises(redis.ConnectionError, match="a moment ago"):
                client.ping()
        assert proxy.accepted == accepted
        proxy.heal()
        wait_until(lambda: answers(client), PATIENCE, "an answer of Redis")
        assert client.ping()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_refused_connection_does_not_delay_the_next_call(redis_url: str) -> None:
    client = connect_redis(settings_for("redis://127.0.0.1:1/0"))
    for _ in range(3):
        with pytest.raises(redis.ConnectionError, match="refused"):
            client.ping()


def test_single_connection_answers_like_a_normal_client(redis_url: str) -> None:
    with one_connection(settings_for(redis_url)) as client:
        assert client.hset("one", mapping={"a": 1, "b": 2}) == 2
        assert client.hgetall("one") == {b"a": b"1", b"b": b"2"}
        with pytest.raises(redis.ResponseError):
            client.get("one")
        assert client.ping()


def test_single_connection_reconnects_at_the_next_call(redis_url: str) -> None:
    with one_connection(settings_for(redis_url)) as client, redis.Redis.from_url(redis_url) as other:
        other.client_kill_filter(_id=client.client_id())
        with pytest.raises(redis.ConnectionError):
            client.incr("counted")
        assert client.incr("counted") == 1


def test_single_connection_times_out(redis_url: str) -> None:
    with one_connection(settings_for(redis_url), timeout_seconds=0.2) as client:
        with pytest.raises(redis.TimeoutError):
            client.blpop("nothing", timeout=5)
        assert client.ping()  # the late answer is not taken for this one


def test_closed_single_connection_raises(redis_url: str) -> None:
    client = one_connection(settings_for(redis_url))
    client.close()
    with pytest.raises(redis.ConnectionError):
        client.ping()


def test_idle_connections_are_given_back(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_redis(settings_for(redis_url)) as client:
        pool: Any = client.connection_pool
        taken = [pool.get_connection() for _ in range(5)]
        for held in taken:
            pool.release(held)
        assert [held.is_connected for held in taken] == [True] * 5
        later = time.monotonic() + IDLE_SECONDS + 1
        monkeypatch.setattr("app.redis_connections.time.monotonic", lambda: later)
        assert client.ping()  # on the connection that was returned last
        assert [held.is_connected for held in taken] == [False] * 4 + [True]
        again = [pool.get_connection() for _ in range(5)]
        assert [held.is_connected for held in again] == [True] * 5
        for held in again:
            pool.release(held)


def test_connection_that_is_being_lent_is_not_given_back(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_redis(settings_for(redis_url)) as client:
        pool: Any = client.connection_pool
        held, other = pool.get_connection(), pool.get_connection()
        pool.release(held)
        later = time.monotonic() + IDLE_SECONDS + 1
        monkeypatch.setattr("app.redis_connections.time.monotonic", lambda: later)

        def look_at_idle_ones_meanwhile() -> None:
            pool.release(other)

        monkeypatch.setattr(held, "connect", look_at_idle_ones_meanwhile)
        assert pool.get_connection() is held
        assert held.is_connected
        held.send_command("PING")
        assert held.read_response() == b"PONG"
        pool.release(held)


AFTER_EACH_PAUSE_MANY_GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
from app import redis_connections
from app.config import Settings

redis_connections.IDLE_SECONDS = 0.1
client = redis_connections.connect_redis(Settings(
    app_env="test", database_url="", redis_url=sys.argv[1], broker_url="", secret_key="x" * 32))
for _ in range(5):
    gevent.joinall([gevent.spawn(client.ping) for _ in range(60)], raise_error=True)
    gevent.sleep(0.2)
print("answered")
"""


def test_storm_after_a_quiet_time_is_answered_in_a_web_process(redis_url: str) -> None:
    command = [sys.executable, "-c", AFTER_EACH_PAUSE_MANY_GREENLETS, redis_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == ("answered\n", "")


ELSEWHERE = ["redis://127.0.0.1:{}", "redis+sentinel://127.0.0.1:{}/chat", "redis+cluster://127.0.0.1:{}"]


@pytest.mark.parametrize("form", ELSEWHERE)
def test_address_that_does_not_answer_is_waited_for(form: str, caplog: pytest.LogCaptureFixture) -> None:
    check_redis_addresses(settings_for(form.format(free_port()), broker_url=OTHER_BROKER))
    (record,) = caplog.records
    assert "REDIS_URL: no answer yet" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_node_of_a_cluster_is_a_problem(lone_node: EmbeddedValkey, redis_url: str) -> None:
    assert problem(settings_for(lone_node.url())).startswith("REDIS_URL names a node of a Redis cluster.")
    line = problem(settings_for(redis_url, broker_url=lone_node.url()))
    assert line.startswith("CELERY_BROKER_URL names a Redis cluster")
    assert "Use a Redis without cluster mode" in line
