"""/metrics of a running deployment: every answer covers every process, with or without Redis."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import httpx
import pytest

from dev.processes import wait_until
from tests.support.clients import Account, WsClient, register
from tests.support.clients.rest import Refused
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.unit.test_metrics import Samples, samples_of

TOKEN = "a-token-for-the-scraper"


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    """A server with stores of its own, because one test stops Redis."""
    with private_stack(web=2, workers=1, env={"METRICS_TOKEN": TOKEN}) as stack:
        yield stack


def scrape(base_url: str) -> Samples:
    answer = httpx.get(f"{base_url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return samples_of(answer.content)


def total(samples: Samples, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for (found, have), value in samples.items() if found == name and wanted <= set(have))


def wait_for(server: Stack, what: Callable[[Samples], bool]) -> None:
    """Waits for the value in the answers of both gateways."""
    for url in server.base_urls:
        wait_until(lambda url=url: what(scrape(url)), 30, f"the value in {url}", every=0.3)


@pytest.fixture(scope="module")
def ann(server: Stack) -> Account:
    return register(server.base_url)


@pytest.fixture(scope="module")
def ben(server: Stack) -> Account:
    return register(server.base_url)


@pytest.fixture
def sessions(server: Stack, ann: Account, ben: Account) -> Iterator[tuple[WsClient, WsClient]]:
    """One session at each gateway."""
    clients = [WsClient(url, account) for url, account in zip(server.base_urls, (ann, ben), strict=True)]
    yield clients[0].join(), clients[1].join()
    for client in clients:
        client.finish()


def test_each_gateway_returns_the_metrics_of_all_processes(
    server: Stack, sessions: tuple[WsClient, WsClient], ben: Account
):
    for number in range(3):
        sessions[0].send(f"hello {number}", receiver_id=ben.user_id)
    sessions[1].wait(lambda: True if len(sessions[1].messages()) == 3 else None, 30, "three messages")
    with pytest.raises(Refused):
        sessions[0].command("typing", {"typing": True})
    assert httpx.get(f"{server.base_urls[1]}/api/v1/me", trust_env=False).status_code == 401

    wait_for(server, lambda s: total(s, "parley_sessions", transport="websocket") == 2)
    wait_for(server, lambda s: total(s, "parley_sends_total") >= 3)
    wait_for(server, lambda s: total(s, "parley_events_delivered_total") >= 3)
    wait_for(server, lambda s: total(s, "parley_ack_seconds_count") >= 3)
    wait_for(server, lambda s: total(s, "parley_errors_total", code="invalid") >= 1)
    wait_for(server, lambda s: total(s, "parley_errors_total", code="unauthorized") >= 1)
    wait_for(server, lambda s: total(s, "parley_drain_records_total") >= 3)
    wait_for(server, lambda s: total(s, "parley_drain_batch_records_count") >= 1)
    samples = scrape(server.base_url)
    web = {dict(labels)["process"] for name, labels in samples if name == "parley_events_delivered_total"}
    assert len(web) == 2
    assert all(name.startswith("web:") for name in web)


def test_closes_are_counted_by_code(server: Stack, sessions: tuple[WsClient, WsClient]):
    before = total(scrape(server.base_url), "parley_closes_total", code="1008")
    for _ in range(10):
        sessions[0].send_text("not a frame")
    assert sessions[0].wait_closed() == 1008
    wait_for(server, lambda s: total(s, "parley_closes_total", code="1008") == before + 1)


def test_metrics_need_the_token(server: Stack):
    for headers in ({}, {"Authorization": "Bearer another"}, {"Authorization": TOKEN}):
        answer = httpx.get(f"{server.base_url}/metrics", headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthorized"


def test_age_of_the_log_grows_while_postgres_is_down(server: Stack, sessions: tuple[WsClient, WsClient], ben: Account):
    sessions[0].send("known", receiver_id=ben.user_id)
    server.stop_postgres()
    try:
        ref = sessions[0].send_nowait("waits", receiver_id=ben.user_id)
        wait_for(server, lambda s: total(s, "parley_log_records") >= 1 and total(s, "parley_log_bytes") > 0)
        wait_for(server, lambda s: total(s, "parley_log_age_seconds") > 1)
        wait_for(server, lambda s: total(s, "parley_waiting_operations", queue="confirmations") >= 1)
        wait_for(server, lambda s: total(s, "parley_drain_store_failures_total") >= 1)
    finally:
        server.start_postgres()
    assert sessions[0].answer(ref, timeout=30).name == "ack"
    wait_for(server, lambda s: total(s, "parley_log_records") == 0 and total(s, "parley_log_age_seconds") == 0)


def test_without_redis_a_process_returns_its_own_metrics(server: Stack, sessions: tuple[WsClient, WsClient]):
    server.kill_redis()
    try:
        samples = scrape(server.base_url)
    finally:
        server.restart_redis()
    assert samples["parley_redis_up", ()] == 0
    assert total(samples, "parley_sessions", transport="websocket") == 1
    wait_for(server, lambda s: s["parley_redis_up", ()] == 1 and total(s, "parley_sessions") == 2)


def test_stopped_gateway_leaves_its_counters_but_no_sessions(server: Stack, ann: Account):
    client = WsClient(server.base_urls[1], ann).join()
    wait_for(server, lambda s: total(s, "parley_sessions") == 1)
    try:
        server.web[1].signal(signal.SIGTERM)
        assert client.wait_closed() == 1001
        server.web[1].wait(20)
        samples = scrape(server.base_urls[0])
        assert total(samples, "parley_sessions") == 0
        assert total(samples, "parley_closes_total", code="1001") >= 1
    finally:
        client.finish()
        server.start_web(1)
