"""Requests that the door passes on to the application behind it."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Overloaded, Unauthorized
from app.core.ws_handshake import UpgradeRefused
from app.transports.websocket_door import REFUSAL, WebSocketDoor


class Doorkeeper:
    def __init__(self, refusal: Exception) -> None:
        self.refusal = refusal

    def check(self, request: Any, network: str) -> Any:
        raise self.refusal


def environ(**changes: Any) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "PATH_INFO": "/ws",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "HTTP_UPGRADE": "websocket",
        "wsgi.url_scheme": "http",
        "gunicorn.socket": object(),
        **changes,
    }


def passed_on(refusal: Exception, given: dict[str, Any]) -> Any:
    """Returns the refusal that the application behind the door gets, or None."""
    keeper: Any = Doorkeeper(refusal)
    seen: list[Any] = []

    def application(there: dict[str, Any], _start_response: Any) -> list[bytes]:
        seen.append(there.get(REFUSAL))
        return [b""]

    def no_session(*_: Any) -> None:
        raise AssertionError("a refused handshake opened a session")

    assert WebSocketDoor(application, keeper, no_session)(given, None) == [b""]
    return seen[0]


@pytest.mark.parametrize(
    "refusal", [UpgradeRefused(426, "no"), Unauthorized(), Overloaded(), ValueError("a fault of the code")]
)
def test_every_refusal_is_left_to_the_route(refusal: Exception) -> None:
    assert passed_on(refusal, environ()) is refusal


@pytest.mark.parametrize("changes", [{"PATH_INFO": "/wss"}, {"gunicorn.socket": None}])
def test_other_requests_are_not_checked(changes: dict[str, Any]) -> None:
    given = environ(**changes)
    assert passed_on(ValueError(), given) is None


def test_request_without_an_upgrade_is_not_checked() -> None:
    given = environ()
    del given["HTTP_UPGRADE"]
    assert passed_on(ValueError(), given) is None
