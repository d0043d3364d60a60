"""The warnings about a deployment's Redis and settings: in ``/readyz?verbose`` and in the log at start."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
import redis
from sqlalchemy import Engine

from app.config import Settings
from app.message_log.shards import Shards
from app.services.metrics import deployment_risks
from app.services.metrics.deployment_risks import find_risks
from app.store.replica import StoreReads
from dev.processes import wait_until
from tests.conftest import StackFactory
from tests.support.process_engine import engine

__all__ = ["engine"]


@pytest.fixture
def careless(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    kept = {name: redis_client.config_get(name)[name] for name in ("appendonly", "maxmemory-policy")}
    redis_client.config_set("appendonly", "no")
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    yield redis_client
    for name, value in kept.items():
        redis_client.config_set(name, value)


def test_a_careful_deployment_has_no_risks(redis_client: redis.Redis, engine: Engine, settings: Settings) -> None:
    redis_client.config_set("appendonly", "yes")
    assert (
        find_risks(
            Shards([redis_client]),
            engine,
            StoreReads(engine),
            settings=replace(settings, app_env="production", metrics_token="secret"),
        )
        == []
    )


def test_a_careless_redis_is_a_risk(careless: redis.Redis, engine: Engine, settings: Settings) -> None:
    risks = find_risks(Shards([careless]), engine, StoreReads(engine), settings=settings)
    assert [name for name in ("appendonly off", "allkeys-lru") if any(name in risk for risk in risks)] == [
        "appendonly off",
        "allkeys-lru",
    ]


def test_open_metrics_are_a_risk_in_production(redis_client: redis.Redis, engine: Engine, settings: Settings) -> None:
    redis_client.config_set("appendonly", "yes")
    (risk,) = find_risks(
        Shards([redis_client]), engine, StoreReads(engine), settings=replace(settings, app_env="production")
    )
    assert "/metrics" in risk


@pytest.mark.parametrize(("hours", "word"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_that_differs_from_postgres_is_a_risk(
    redis_client: redis.Redis,
    engine: Engine,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
    word: str,
) -> None:
    redis_client.config_set("appendonly", "yes")
    wrong = SimpleNamespace(time=lambda: time.time() + hours * 3600)
    monkeypatch.setattr(deployment_risks, "time", wrong)
    (risk,) = find_risks(Shards([redis_client]), engine, StoreReads(engine), settings=settings)
    assert f" s {word} that of Postgres" in risk


def test_risks_are_in_the_log_and_in_readyz(careless: redis.Redis, make_stack: StackFactory) -> None:
    stack = make_stack()
    warnings = httpx.get(f"{stack.base_url}/readyz?verbose").json()["warnings"]
    assert any("appendonly off" in warning for warning in warnings)
    assert "warnings" not in httpx.get(f"{stack.base_url}/readyz").json()
    wait_until(lambda: "maxmemory-policy allkeys-lru" in stack.web[0].log(), 10, "the warning in the log")
