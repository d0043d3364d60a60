"""The origins that may open a session: protection against cross-site WebSocket hijacking."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from app.api.check_origin import check_origin
from app.config import ConfigError, Settings, check_settings
from app.config_checks import origin_problems
from app.core.errors import Forbidden
from app.factory import trust_proxies

LISTED = Settings(
    app_env="production",
    database_url="",
    redis_url="",
    broker_url="",
    secret_key="x" * 32,
    allowed_origins=("https://chat.example", "http://localhost:3000/", "HTTPS://Upper.example:443"),
)


def request(origin: str | None, base: str = "https://parley.example", **headers: str) -> Request:
    if origin is not None:
        headers["Origin"] = origin
    return Request(EnvironBuilder(base_url=base, path="/ws", headers=headers).get_environ())


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "https://parley.example",
        "https://PARLEY.example",
        "https://parley.example:443",
        "https://chat.example",
        "http://localhost:3000",
        "https://upper.example",
    ],
)
def test_missing_own_and_listed_origins_pass(origin: str | None) -> None:
    check_origin(request(origin), LISTED)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://evil.example",
        "http://parley.example",
        "https://parley.example.evil.example",
        "https://parley.example:8443",
        "https://sub.chat.example",
        "http://chat.example",
        "http://localhost",
        "http://localhost:3001",
        "https://parley.example@evil.example",
        "https://evil.example#https://chat.example",
        "chat.example",
        "file://",
        "*",
    ],
)
def test_other_origins_are_forbidden(origin: str) -> None:
    with pytest.raises(Forbidden):
        check_origin(request(origin), LISTED)


def test_port_is_part_of_the_own_origin() -> None:
    check_origin(request("http://127.0.0.1:8000", "http://127.0.0.1:8000"), LISTED)
    with pytest.raises(Forbidden):
        check_origin(request("http://127.0.0.1:8001", "http://127.0.0.1:8000"), LISTED)


def test_star_allows_every_origin_but_is_refused_in_production() -> None:
    everybody = replace(LISTED, app_env="development", allowed_origins=("*",))
    check_settings(everybody)
    check_origin(request("https://anything.example"), everybody)
    with pytest.raises(ConfigError, match="ALLOWED_ORIGINS"):
        check_settings(replace(everybody, app_env="production"))


def seen_through(proxies: int, headers: dict[str, str]) -> tuple[str, str, str]:
    app = Flask(__name__)
    trust_proxies(app, proxies)

    @app.get("/")
    def show() -> list[str]:
        from flask import request

        return [request.remote_addr or "", request.scheme, request.host]

    answer = app.test_client().get("/", headers=headers, base_url="http://parley.example")
    address, scheme, host = answer.get_json()
    return address, scheme, host


FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 198.51.100.7, 10.0.0.2",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
}


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        (0, ("127.0.0.1", "http", "parley.example")),
        (1, ("10.0.0.2", "https", "parley.example")),
        (2, ("198.51.100.7", "https", "parley.example")),
        (9, ("127.0.0.1", "https", "parley.example")),
    ],
)
def test_forwarded_addresses_count_from_the_right_and_hosts_are_ignored(
    proxies: int, expected: tuple[str, str, str]
) -> None:
    assert seen_through(proxies, FORWARDED) == expected


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "https://m\u00fcnchen.example",
            "https://\u4f8b\u3048.jp",
            "https://*.a.example",
            "https://a.example:",
            "null",
        ),
        *("https://a..example", "https://a.example;x", "https://a.example\\x", "https://a.example:123456", "https://"),
        *(
            "https://a.example'",
            "https://[x]",
            "https://a.example/x",
            "https://u@a.example",
            "a.example",
            "ftp://a.example",
        ),
    ],
)
def test_origins_that_no_browser_sends_are_refused_at_the_start(origin: str) -> None:
    """Otherwise, the operator would search for the fault elsewhere, and some of them would also break the header for
    frames.
    """
    assert len(list(origin_problems([origin], production=False))) == 1


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "https://a.example",
            "HTTPS://A.Example:8443",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:80",
        ),
        *("https://xn--mnchen-3ya.example", "https://a_b.example", "https://a-b.example"),
    ],
)
def test_origins_that_browsers_send_are_accepted(origin: str) -> None:
    assert list(origin_problems([origin], production=True)) == []
