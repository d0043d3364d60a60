"""Common to every answer: security headers, CORS, health checks, and an access log without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from app.core.password_cost import MEMORY_KIB, PASSES
from app.logs import JsonFormatter, TextFormatter
from app.message_log import workers
from app.message_log.workers import ALIVE_SECONDS, count_alive, heartbeat
from app.services.auth.tickets import issue_ticket
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import PASSWORD, Api, assert_problem

LISTED = "https://chat.example"


@pytest.fixture(scope="module")
def cors(make_api: MakeApp) -> Api:
    return make_api(allowed_origins=(LISTED,))


def test_every_answer_carries_the_security_headers(api: Api) -> None:
    for path in ("/healthz", "/api/v1/me", "/nowhere"):
        headers = api.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "Strict-Transport-Security" not in headers
        assert headers["X-Request-ID"]
    assert api.get("/api/v1/me").headers["Cache-Control"] == "no-store"


def test_widget_may_be_framed_by_listed_origins_only(api: Api, cors: Api, make_api: MakeApp) -> None:
    nobody = api.get("/embed").headers
    assert "frame-ancestors 'none';" in nobody["Content-Security-Policy"]
    assert nobody["X-Frame-Options"] == "DENY"
    listed = cors.get("/embed").headers
    assert f"frame-ancestors {LISTED};" in listed["Content-Security-Policy"]
    assert "X-Frame-Options" not in listed
    assert cors.get("/").headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors *;" in make_api(allowed_origins=("*",)).get("/embed").headers["Content-Security-Policy"]


def test_hsts_is_sent_in_production_over_https(make_api: MakeApp) -> None:
    cost = {"password_memory_kib": MEMORY_KIB, "password_passes": PASSES}
    api = make_api(app_env="production", trusted_proxies=1, **cost)
    secure = api.get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Strict-Transport-Security" not in api.get("/healthz").headers


def test_listed_origin_may_read_and_send(cors: Api) -> None:
    answer = cors.get("/api/v1/me", headers={"Origin": LISTED})
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    preflight_headers = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
    preflight = cors.call("OPTIONS", "/api/v1/auth/login", headers=preflight_headers)
    assert preflight.status_code == 200
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    for name in ("Authorization", "Content-Type", "Last-Event-ID"):
        assert name in preflight.headers["Access-Control-Allow-Headers"]


def test_other_origins_get_no_cors_headers(cors: Api, api: Api) -> None:
    for origin in ("https://evil.example", "null"):
        for one in (cors, api):
            answer = one.get("/healthz", headers={"Origin": origin})
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert "Origin" in cors.get("/healthz").headers["Vary"]


def test_healthz_does_not_depend_on_the_stores(make_api: MakeApp) -> None:
    cut_off = make_api(redis_url="redis://127.0.0.1:1/0")
    assert cut_off.get("/healthz").get_json() == {"status": "ok"}


def test_readyz_needs_postgres_redis_and_a_worker(api: Api, make_api: MakeApp, redis_client: redis.Redis) -> None:
    redis_client.flushall()
    problem = assert_problem(api.get("/readyz"), 503, "overloaded")
    assert problem["missing"] == ["worker"]
    heartbeat(redis_client, "worker-1@host")
    assert api.get("/readyz").get_json() == {"status": "ok"}

    without_redis = make_api(redis_url="redis://127.0.0.1:1/0").get("/readyz")
    assert assert_problem(without_redis, 503, "overloaded")["missing"] == ["redis", "worker"]
    without_postgres = make_api(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none").get("/readyz")
    assert assert_problem(without_postgres, 503, "overloaded")["missing"] == ["postgres"]


def test_readyz_answers_soon_if_a_store_never_answers(make_api: MakeApp) -> None:
    """A listening socket that accepts nothing and sends nothing simulates a dead link."""
    import socket
    import time

    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        api = make_api(redis_url=f"redis://127.0.0.1:{port}/0")
        began = time.monotonic()
        for _ in range(3):
            assert assert_problem(api.get("/readyz"), 503, "overloaded")["missing"] == ["redis", "worker"]
        assert time.monotonic() - began < 45, "each answer must have a bound"


def test_worker_without_a_recent_heartbeat_is_not_alive(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_client.flushall()
    heartbeat(redis_client, "one")
    heartbeat(redis_client, "two")
    assert count_alive(redis_client) == 2
    later = workers._now(redis_client) + ALIVE_SECONDS + 2
    monkeypatch.setattr(workers, "_now", lambda _client: later)
    assert count_alive(redis_client) == 0


@contextmanager
def logged_by(formatter: logging.Formatter) -> Iterator[io.StringIO]:
    """Collects the output of every logger of the process, down to DEBUG."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()], ids=["json", "text"])
def test_no_token_ticket_or_password_reaches_the_log(
    api: Api, formatter: logging.Formatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    parley = api.app.extensions["parley"]
    with logged_by(formatter) as log:
        account = api.register()
        caller = parley.authenticator.verify(account.access)
        ticket = issue_ticket(caller, redis=parley.redis, lifetime_seconds=30).ticket
        api.get(f"/api/v1/me?ticket={ticket}&token={account.access}")
        api.get(f"/nowhere/{account.access}/{ticket}")
        api.post("/api/v1/auth/login", {"username": PASSWORD, "password": PASSWORD})
        refreshed = api.post("/api/v1/auth/refresh", token=account.refresh).get_json()

        def fail(*_args: object) -> None:
            raise RuntimeError(f"failed with {account.access} and {ticket}")

        monkeypatch.setattr(parley.passwords, "verify", fail)
        answer = api.post("/api/v1/auth/login", {"username": account.username, "password": PASSWORD})
        assert_problem(answer, 500, "internal")
    written = log.getvalue()
    assert "RuntimeError" in written
    assert "/api/v1/auth/login" in written
    for secret in (account.access, account.refresh, ticket, PASSWORD, *refreshed.values()):
        assert secret not in written
        assert secret.rpartition(".")[2] not in written  # nor the signature by itself
    assert "ticket=" not in written  # the access line has no query string


def test_access_line_has_path_status_and_request_id(api: Api) -> None:
    with logged_by(JsonFormatter()) as log:
        api.get("/api/v1/me?q=private", headers={"X-Request-ID": "from-the-router-1"})
    line = next(line for line in map(json.loads, log.getvalue().splitlines()) if line["logger"] == "parley.access")
    assert (line["message"], line["status"], line["request_id"]) == (
        "GET /api/v1/me",
        401,
        "from-the-router-1",
    )
    assert line["ms"] >= 0
