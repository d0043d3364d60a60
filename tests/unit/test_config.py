"""The README's configuration table lists exactly the settings, with their defaults."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from app.config import ConfigError, Settings, read_settings
from app.config_checks import is_guessable

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
KEY = "an unguessable key, of many letters"
NEEDED = {"DATABASE_URL": "postgres://u:p@h/d", "REDIS_URL": "redis://h:1", "SECRET_KEY": KEY}
PRODUCTION = {**NEEDED, "APP_ENV": "production"}
WITHOUT_PLAIN_DEFAULT = {"APP_ENV", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "SECRET_KEY", "PUSH_HOSTS"}


def rows() -> dict[str, str]:
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (\S+) \|", README, re.MULTILINE))


def variable(name: str) -> str:
    """Returns the environment variable that sets the field; the broker keeps Celery's own name."""
    return "CELERY_BROKER_URL" if name == "broker_url" else name.upper()


def test_readme_lists_exactly_the_settings() -> None:
    assert set(rows()) == {variable(name) for name in Settings.__dataclass_fields__}


@pytest.mark.parametrize("name", sorted(set(rows()) - WITHOUT_PLAIN_DEFAULT))
def test_readme_shows_the_actual_default(name: str) -> None:
    default = Settings.__dataclass_fields__[name.lower()].default
    shown = rows()[name].strip("`")
    expected = {"": "–", (): "–", True: "true", False: "false"}
    assert shown == (str(default) if type(default) in (int, float) else expected.get(default, default))


def test_heroku_url_scheme_becomes_sqlalchemys() -> None:
    assert Settings.from_env(NEEDED).database_url == "postgresql+psycopg://u:p@h/d"


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "REDIS_URL"),
        ({"REDIS_URL": "redis://h"}, "DATABASE_URL"),
        ({**NEEDED, "SEND_RATE": "fast"}, "SEND_RATE"),
        ({**NEEDED, "DB_POOL_SIZE": "1.5"}, "DB_POOL_SIZE"),
        ({**NEEDED, "SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({**PRODUCTION, "SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({**PRODUCTION, "SECRET_KEY": "short"}, "SECRET_KEY is shorter"),
        ({**PRODUCTION, "SECRET_KEY": "a" * 32}, "too little variety"),
        ({**PRODUCTION, "SECRET_KEY": "0123456789" * 4}, "too little variety"),
        ({**PRODUCTION, "SECRET_KEY": "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"}, "too little variety"),
        ({**PRODUCTION, "SECRET_KEY": "changemechangemechangemechangeme"}, "too little variety"),
        ({**PRODUCTION, "SECRET_KEY": "development-only-secret-key-do-not-deploy"}, "too little variety"),
        ({**NEEDED, "SECRET_KEYS": KEY}, "SECRET_KEY and SECRET_KEYS are both set"),
        (
            {**PRODUCTION, "SECRET_KEY": "", "SECRET_KEYS": f"{KEY[:30].replace(',', '')},short"},
            r"SECRET_KEYS \(key 2\) is shorter",
        ),
        ({**PRODUCTION, "SECRET_KEY": "", "SECRET_KEYS": "a" * 40}, r"SECRET_KEYS \(key 1\) has too little variety"),
        ({**NEEDED, "APP_ENV": "prod"}, "APP_ENV='prod' is unknown"),
        ({**NEEDED, "APP_ENV": "Production"}, "APP_ENV='Production' is unknown"),
    ],
)
def test_invalid_environment_gives_one_line_per_problem(env: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        Settings.from_env(env)
    assert all("\n" not in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({**NEEDED, "SERVER_API_KEY": "short"}, "SERVER_API_KEY is shorter"),
        ({**NEEDED, "SERVER_API_KEY": "with space " * 4}, "SERVER_API_KEY must have only visible ASCII"),
        ({**PRODUCTION, "SERVER_API_KEY": "a" * 32}, "SERVER_API_KEY has too little variety"),
    ],
)
def test_weak_server_key_is_refused(env: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_settings(env)
    assert read_settings({**PRODUCTION, "SERVER_API_KEY": secrets.token_urlsafe(32)}).server_api_key


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"DATABASE_REPLICA_URL": "postgresql://u:p@h/d"}, "DATABASE_REPLICA_URL is the same as DATABASE_URL"),
        ({"DATABASE_REPLICA_URL": "h:5432/d"}, "DATABASE_REPLICA_URL must begin with postgres://"),
        ({"REPLICA_MAX_LAG_SECONDS": "30"}, "REPLICA_MAX_LAG_SECONDS must be 0 to 2"),
        ({"REPLICA_MAX_LAG_SECONDS": "-1"}, "REPLICA_MAX_LAG_SECONDS must be 0 to 2"),
    ],
)
def test_settings_of_a_replica_that_cannot_work_are_refused(env: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_settings({**NEEDED, **env})
    settings = read_settings({**NEEDED, "DATABASE_REPLICA_URL": " postgres://u:secret@replica/d "})
    assert settings.database_replica_url == "postgresql+psycopg://u:secret@replica/d"
    assert "secret@replica" not in repr(settings)


def test_several_keys_take_the_place_of_one() -> None:
    settings = Settings.from_env({**NEEDED, "SECRET_KEY": "", "SECRET_KEYS": " one-key , another-key,"})
    assert settings.keys == ("one-key", "another-key")
    assert Settings.from_env(NEEDED).keys == (KEY,)
    assert "another-key" not in repr(settings)


def test_all_problems_are_reported_at_once() -> None:
    env = {"APP_ENV": "prod", "SEND_RATE": "fast", "ALLOWED_ORIGINS": "chat.example", "TRUSTED_PROXY": "1"}
    with pytest.raises(ConfigError) as caught:
        read_settings(env)
    reported = caught.value.report().splitlines()
    assert len(reported) == len(caught.value.problems)
    for name in ("APP_ENV", "SEND_RATE", "ALLOWED_ORIGINS", "TRUSTED_PROXY", "DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        assert any(name in line for line in reported), name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("ALLOWED_ORIGIN", "ALLOWED_ORIGINS"),
        ("SECRETKEY", "SECRET_KEY"),
        ("LOG_MAX_RECORD", "LOG_MAX_RECORDS"),
        ("BROKER_URL", "CELERY_BROKER_URL"),
    ],
)
def test_a_misspelt_variable_stops_the_start(name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is not a setting; {meant} is"):
        read_settings({**NEEDED, name: "1"})


def test_variables_of_the_platform_are_not_ours() -> None:
    others = (
        "PATH",
        "HOME",
        "HOSTNAME",
        "REDIS_TLS_URL",
        "DATABASE_CONNECTION_POOL_URL",
        "DYNO",
        "PGHOST",
        "SENTRY_DSN",
    )
    assert read_settings({**NEEDED, **dict.fromkeys(others, "x"), "PORT": "80", "HOST": "::1"}).app_env == "development"


@pytest.mark.parametrize("origin", ["chat.example", "https://chat.example/", "//chat.example", "https://", "ftp://x"])
def test_an_origin_is_a_scheme_and_a_host(origin: str) -> None:
    with pytest.raises(ConfigError, match="ALLOWED_ORIGINS"):
        read_settings({**NEEDED, "ALLOWED_ORIGINS": f"https://good.example,{origin}"})


def test_a_random_key_is_not_guessable() -> None:
    assert not any(
        is_guessable(make())
        for make in (lambda: secrets.token_hex(16), lambda: secrets.token_urlsafe(32))
        for _ in range(500)
    )


def test_repr_hides_secrets() -> None:
    settings = Settings.from_env({**NEEDED, "SECRET_KEY": "k" * 40, "METRICS_TOKEN": "m" * 12})
    assert "k" * 40 not in repr(settings)
    assert "m" * 12 not in repr(settings)
