"""Several applications in one process: they are found without the host, and forgotten with their last reference."""

from __future__ import annotations

import gc
from dataclasses import replace
from types import SimpleNamespace

import pytest
from flask import Flask

from app import applications
from app.applications import add_application, containers, given_settings, missing_dependencies
from app.config import ConfigError, Settings

SETTINGS = Settings(
    app_env="development",
    database_url="postgresql+psycopg://x/y",
    redis_url="redis://one.example",
    broker_url="redis://one.example",
    secret_key="x" * 32,
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "_made", [])


def app_with(settings: Settings, missing: tuple[str, ...] = ()) -> Flask:
    app = Flask("an application of a test")
    readiness = SimpleNamespace(missing=lambda: list(missing))
    app.extensions["parley"] = SimpleNamespace(settings=settings, readiness=readiness)
    return app


def test_process_without_an_application_has_no_given_settings() -> None:
    assert given_settings() is None
    assert missing_dependencies() == []


def test_newest_application_gives_the_settings() -> None:
    first, second = app_with(SETTINGS, ("redis",)), app_with(replace(SETTINGS, max_text=5), ("redis", "worker"))
    for app in (first, second):
        add_application(app)
    assert [container.settings.max_text for container in containers()] == [8000, 5]
    found = given_settings()
    assert found is not None
    assert found.max_text == 5
    assert missing_dependencies() == ["redis", "worker"]


def test_second_broker_is_refused_while_the_first_is_in_use() -> None:
    first = app_with(SETTINGS)
    add_application(first)
    other = replace(SETTINGS, broker_url="redis://two.example")
    with pytest.raises(ConfigError, match="CELERY_BROKER_URL"):
        add_application(app_with(other))
    assert given_settings() is SETTINGS
    first.myself = first  # type: ignore[attr-defined]  # only the collector of garbage can find that it is gone
    del first
    second = app_with(other)
    add_application(second)
    gc.collect()
    assert given_settings() is other
