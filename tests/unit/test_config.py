"""The README's configuration table lists exactly the settings, with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.config import ConfigError, Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
NEEDED = {"DATABASE_URL": "postgres://u:p@h/d", "REDIS_URL": "redis://h:1"}
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
        ({**NEEDED, "APP_ENV": "production"}, "SECRET_KEY"),
        ({**NEEDED, "APP_ENV": "production", "SECRET_KEY": "short"}, "SECRET_KEY"),
    ],
)
def test_invalid_environment_gives_a_one_line_error(env: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        Settings.from_env(env)
    assert "\n" not in str(caught.value)


def test_repr_hides_secrets() -> None:
    settings = Settings.from_env({**NEEDED, "SECRET_KEY": "k" * 40, "METRICS_TOKEN": "m" * 12})
    assert "k" * 40 not in repr(settings)
    assert "m" * 12 not in repr(settings)
