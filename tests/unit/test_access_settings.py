"""Contradictory or unsafe access settings prevent the start."""

from __future__ import annotations

import pytest

from app.config import ConfigError, Settings, check_settings

BASE = {
    "DATABASE_URL": "postgresql://x/y",
    "REDIS_URL": "redis://x",
    "SECRET_KEY": "an unguessable key, of many letters",
}


def checked(**env: str) -> Settings:
    settings = Settings.from_env(BASE | env)
    check_settings(settings)
    return settings


EXTERNAL = {"JWT_ISSUER": "https://users.example", "JWT_AUDIENCE": "parley"}


@pytest.mark.parametrize(
    ("message", "env"),
    [
        ("JWT_ISSUER", {"JWT_PUBLIC_KEY": "pem"}),
        ("JWT_AUDIENCE", {"JWT_PUBLIC_KEY": "pem", "JWT_ISSUER": "https://users.example"}),
        ("JWT_ISSUER", {"JWT_JWKS_URL": "https://users.example/keys", "JWT_AUDIENCE": "parley"}),
        ("both set", {"JWT_JWKS_URL": "https://x/k", "JWT_PUBLIC_KEY": "pem", **EXTERNAL}),
        ("https", {"APP_ENV": "production", "JWT_JWKS_URL": "http://users.example/keys", **EXTERNAL}),
        ("PASSWORD_MEMORY_KIB", {"APP_ENV": "production", "PASSWORD_MEMORY_KIB": "8192"}),
        ("PASSWORD_PASSES", {"APP_ENV": "production", "PASSWORD_PASSES": "1"}),
        ("ALLOWED_ORIGINS", {"APP_ENV": "production", "ALLOWED_ORIGINS": "https://a.example, *"}),
    ],
)
def test_error_is_one_line_naming_the_variable(message: str, env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        checked(**env)
    assert "\n" not in str(caught.value)


def test_external_issuer_turns_local_accounts_off_unless_enabled() -> None:
    external = {"JWT_JWKS_URL": "https://users.example/keys", **EXTERNAL}
    assert checked().local_accounts_on
    assert not checked(**external).local_accounts_on
    assert checked(**external, LOCAL_ACCOUNTS="1").local_accounts_on
