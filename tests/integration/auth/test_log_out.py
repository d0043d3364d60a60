"""Logging out, and the list of revoked sessions that every process keeps."""

from __future__ import annotations

import time
import uuid

import jwt
import msgspec
import pytest
import redis
from werkzeug.test import TestResponse

from app.container import Container
from app.core.errors import Overloaded
from app.fanout.revocation import FRESH_SECONDS, KEPT_SECONDS, MARKER
from app.message_log import keys
from tests.integration.auth.conftest import MakeApp
from tests.support.api_client import Account, Api, assert_problem


def sid_of(account: Account) -> str:
    sid: str = jwt.decode(account.access, options={"verify_signature": False})["sid"]
    return sid


def log_out(api: Api, account: Account) -> None:
    answer = api.post("/api/v1/auth/logout", token=account.access)
    assert (answer.status_code, answer.data) == (204, b"")


def test_logout_revokes_all_tokens_of_the_session(api: Api) -> None:
    account = api.register()
    other_device = api.log_in(account.username)
    log_out(api, account)
    assert_problem(api.get("/api/v1/me", token=account.access), 401, "unauthorized")
    assert_problem(api.post("/api/v1/auth/refresh", token=account.refresh), 401, "unauthorized")
    assert_problem(api.post("/api/v1/auth/ticket", token=account.access), 401, "unauthorized")
    assert_problem(api.post("/api/v1/auth/logout", token=account.access), 401, "unauthorized")
    assert api.get("/api/v1/me", token=other_device.access).status_code == 200


def test_logout_is_published_to_every_gateway(api: Api, redis_client: redis.Redis) -> None:
    account = api.register()
    with redis_client.pubsub() as listening:
        listening.subscribe(keys.ALL)
        assert listening.get_message(timeout=5)["type"] == "subscribe"  # type: ignore[index]
        log_out(api, account)
        published = listening.get_message(timeout=5)
    assert published is not None
    assert msgspec.msgpack.decode(published["data"]) == ["revoked", sid_of(account)]


def test_process_without_a_listener_refuses_the_token_at_once(api: Api, make_api: MakeApp) -> None:
    other: Api = make_api()
    account = api.register()
    assert other.get("/api/v1/me", token=account.access).status_code == 200
    log_out(api, account)
    assert_problem(other.get("/api/v1/me", token=account.access), 401, "unauthorized")


def test_process_keeps_checking_redis_after_refilling_it(
    api: Api, make_api: MakeApp, redis_client: redis.Redis
) -> None:
    other = make_api().app.extensions["parley"].revoked
    account = api.register()
    redis_client.flushall()
    assert sid_of(account) not in other
    log_out(api, account)
    assert sid_of(account) in other


def test_loaded_list_works_without_redis(api: Api, make_api: MakeApp) -> None:
    gateway: Container = make_api().app.extensions["parley"]
    account = api.register()
    log_out(api, account)
    gateway.revoked.load()
    gateway.redis.close()
    gateway.revoked._redis = None  # type: ignore[assignment]
    assert sid_of(account) in gateway.revoked
    assert str(uuid.uuid4()) not in gateway.revoked
    added = str(uuid.uuid4())
    gateway.revoked.add(added)
    assert added in gateway.revoked


def test_stale_list_is_not_trusted(api: Api, make_api: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway: Container = make_api().app.extensions["parley"]
    account = api.register()
    gateway.revoked.load()
    log_out(api, account)
    assert sid_of(account) not in gateway.revoked
    later = time.monotonic() + FRESH_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert sid_of(account) in gateway.revoked


@pytest.mark.parametrize("how", ["checked", "loaded"])
def test_empty_redis_is_refilled_from_postgres(
    api: Api, make_api: MakeApp, redis_client: redis.Redis, how: str
) -> None:
    gateway: Container = make_api().app.extensions["parley"]
    account, alive = api.register(), api.register()
    log_out(api, account)
    redis_client.flushall()
    if how == "loaded":
        gateway.revoked.load()
    assert sid_of(account) in gateway.revoked
    assert sid_of(alive) not in gateway.revoked
    assert redis_client.zscore(keys.REVOKED, sid_of(account)) is not None
    assert redis_client.zscore(keys.REVOKED, MARKER) == float("inf")


def test_load_from_postgres_restores_an_entry_that_redis_lost(
    api: Api, parley: Container, make_api: MakeApp, redis_client: redis.Redis
) -> None:
    gateway: Container = make_api().app.extensions["parley"]
    account = api.register()
    parley.revoked.load()
    log_out(api, account)
    redis_client.zrem(keys.REVOKED, sid_of(account))
    gateway.revoked.load(from_store=True)
    assert sid_of(account) in gateway.revoked


def test_entries_expire_with_the_last_access_token(parley: Container, redis_client: redis.Redis) -> None:
    long_past, past, future = (str(uuid.uuid4()) for _ in range(3))
    now = int(time.time())
    redis_client.zadd(keys.REVOKED, {long_past: now - KEPT_SECONDS - 1, past: now - 1, future: now + 600})
    parley.revoked.add(past, now - 1)
    parley.revoked.load()
    assert past not in parley.revoked
    assert future in parley.revoked
    assert redis_client.zscore(keys.REVOKED, long_past) is None
    assert redis_client.zscore(keys.REVOKED, past) is not None, "a process whose clock is behind still needs it"


def test_entry_outlives_every_access_token_of_the_session(api: Api, redis_client: redis.Redis) -> None:
    account = api.register()
    newest = api.post("/api/v1/auth/refresh", token=account.refresh).get_json()["accessToken"]
    log_out(api, account)
    end = redis_client.zscore(keys.REVOKED, sid_of(account))
    assert end is not None
    assert end > jwt.decode(newest, options={"verify_signature": False})["exp"]


@pytest.fixture
def cut_off(make_api: MakeApp) -> Api:
    """A process that does not reach Redis."""
    made: Api = make_api(redis_url="redis://127.0.0.1:1/0")
    return made


def assert_accepted(answer: TestResponse) -> None:
    assert answer.status_code == 202
    body = answer.get_json()
    assert (body["status"], body["ended"]) == ("accepted", ["refreshTokens"])
    assert body["pending"] == ["accessTokens", "connections"]
    assert body["pendingUntil"] > time.time()


def test_logout_without_redis_takes_effect_and_says_what_follows(api: Api, cut_off: Api, make_api: MakeApp) -> None:
    account = api.register()
    assert_accepted(cut_off.post("/api/v1/auth/logout", token=account.access))
    assert_problem(api.post("/api/v1/auth/refresh", token=account.refresh), 401, "unauthorized")
    here: Container = cut_off.app.extensions["parley"]
    assert sid_of(account) in here.revoked, "this process refuses the token at once"
    assert_problem(cut_off.post("/api/v1/auth/logout", token=account.access), 401, "unauthorized")


def test_rest_of_a_logout_without_redis_follows_when_redis_answers(
    api: Api, cut_off: Api, parley: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = api.register()
    parley.revoked.load()
    cut_off.post("/api/v1/auth/logout", token=account.access)
    assert sid_of(account) not in parley.revoked
    missing = redis.Redis.from_url("redis://127.0.0.1:1/0")
    with monkeypatch.context() as outage:
        outage.setattr(parley.revoked, "_redis", missing)
        with pytest.raises(redis.RedisError):
            parley.revoked.load()
    parley.revoked.load()
    assert sid_of(account) in parley.revoked


def test_logouts_that_redis_missed_are_restored_when_postgres_answers_too(
    api: Api, cut_off: Api, parley: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, revoked = api.register(), parley.revoked
    store = revoked._from_store
    cut_off.post("/api/v1/auth/logout", token=account.access)

    def down() -> dict[str, int]:
        raise Overloaded

    with monkeypatch.context() as outage:
        outage.setattr(revoked, "_missed", True)
        outage.setattr(revoked, "_from_store", down)
        revoked.load()
        assert sid_of(account) not in revoked
        assert revoked._missed
        outage.setattr(revoked, "_from_store", store)
        revoked.load()
    assert sid_of(account) in revoked
