"""The plain door is used only if nothing stands in front of the application that would be left out."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from flask import Flask
from gunicorn.config import Config

from app.core.errors import Unauthorized
from app.transports.plain_door import OUTERMOST, PLAIN_DOOR, PlainDoor, plain_door_of
from app.transports.take_over import RawSocket
from app.transports.websocket_door import WebSocketDoor

FIELDS = {"host": "chat.example", "upgrade": "websocket"}


def config(**changes: Any) -> Config:
    made = Config()
    for name, value in {"limit_request_fields": 64, "keepalive": 20, **changes}.items():
        made.set(name, value)
    return made


def application() -> Flask:
    app = Flask("a")
    app.extensions[PLAIN_DOOR] = object()
    app.extensions[OUTERMOST] = app.wsgi_app = lambda *_: []  # type: ignore[method-assign, assignment]
    return app


def test_application_of_our_own_has_the_door() -> None:
    app = application()
    assert plain_door_of(app, config()) is app.extensions[PLAIN_DOOR]


def test_middleware_of_a_host_sees_every_handshake() -> None:
    app = application()
    app.wsgi_app = lambda *_: []  # type: ignore[method-assign, assignment]
    assert plain_door_of(app, config()) is None


@pytest.mark.parametrize("application", [Flask("a"), lambda *_: [], None])
def test_other_applications_have_no_plain_door(application: Any) -> None:
    assert plain_door_of(application, config()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"limit_request_fields": 63},
        {"limit_request_field_size": 4000},
        {"proxy_protocol": "auto"},
        {"keepalive": 0},
        {"certfile": "/cert.pem"},
    ],
)
def test_other_settings_of_gunicorn_close_the_plain_door(changes: dict[str, Any]) -> None:
    assert plain_door_of(application(), config(**changes)) is None


def test_application_below_a_prefix_has_no_plain_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPT_NAME", "/chat")
    assert plain_door_of(application(), config()) is None


class Refusing:
    def check(self, handshake: Any, network: str) -> Any:
        raise Unauthorized


def test_refused_handshake_leaves_the_connection_untouched() -> None:
    keeper: Any = Refusing()
    door = PlainDoor(WebSocketDoor(None, keeper, lambda *_: None), 0)
    assert door.open(None, 100, FIELDS, "10.0.0.1") is False  # None: whoever reads the socket fails


class Accepting:
    def check(self, handshake: Any, network: str) -> Any:
        return "dGhlIHNhbXBsZSBub25jZQ==", None


class Reset(RawSocket):
    """As on macOS after a reset."""

    def setsockopt(self, *_: Any) -> None:
        raise OSError


def test_connection_that_was_reset_is_closed() -> None:
    keeper: Any = Accepting()
    door = PlainDoor(WebSocketDoor(None, keeper, lambda *_: pytest.fail("opened")), 0)
    ours, client = socket.socketpair()
    with Reset(ours.family, ours.type, ours.proto, fileno=ours.detach()) as reset, client:
        assert door.open(reset, 100, FIELDS, "10.0.0.1") is True
        assert reset.fileno() == -1
        assert client.recv(1) == b""


@pytest.mark.parametrize(
    ("proxies", "scheme"), [(0, "https"), (0, "http"), (1, "HTTPS"), (1, "https, http"), (1, "ws")]
)
def test_forwarded_scheme_that_is_not_plain_is_left_to_the_parser(proxies: int, scheme: str) -> None:
    class Opening:
        def open_plain(self, *_: Any) -> bool:
            raise AssertionError("opened")

    opening: Any = Opening()
    door = PlainDoor(opening, proxies)
    assert door.open(None, 100, FIELDS | {"x-forwarded-proto": scheme}, "10.0.0.1") is False
