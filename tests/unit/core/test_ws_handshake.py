"""The opening handshake as a rule: which requests may become a WebSocket, and what is answered."""

from __future__ import annotations

import base64

import pytest

from app.core.ws_handshake import UpgradeRefused, accept_key, build_response, check_upgrade

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # section 1.3
GOOD = {
    "Host": "parley.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def refused(headers: dict[str, str], method: str = "GET", version: str = "HTTP/1.1") -> UpgradeRefused:
    with pytest.raises(UpgradeRefused) as refusal:
        check_upgrade(method, version, headers)
    return refusal.value


def test_the_example_of_the_rfc() -> None:
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert check_upgrade("GET", "HTTP/1.1", GOOD) == KEY


@pytest.mark.parametrize(
    "change",
    [
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "upgrade,keep-alive"},
        {"Upgrade": "WebSocket"},
        {"Upgrade": "h2c, websocket"},
        {"Sec-WebSocket-Key": f"  {KEY} "},
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
        {"Sec-WebSocket-Protocol": "chat, superchat"},
        {"Origin": "https://elsewhere.example"},
    ],
    ids=str,
)
def test_requests_that_may_become_a_websocket(change: dict[str, str]) -> None:
    assert check_upgrade("GET", "HTTP/1.1", {**GOOD, **change}) == KEY


def test_header_names_are_compared_without_case() -> None:
    assert check_upgrade("GET", "HTTP/1.1", {name.upper(): value for name, value in GOOD.items()}) == KEY
    assert check_upgrade("GET", "HTTP/2.0", {name.lower(): value for name, value in GOOD.items()}) == KEY


@pytest.mark.parametrize("name", ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
def test_every_required_header_is_missed(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    assert refused(without).status == 400


@pytest.mark.parametrize("version", ["0", "7", "8", "12", "14", "13, 8", "013", "x"])
def test_another_version_is_told_ours(version: str) -> None:
    refusal = refused({**GOOD, "Sec-WebSocket-Version": version})
    assert (refusal.status, refusal.headers) == (426, {"Sec-WebSocket-Version": "13"})


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "not base64 at all!",
        base64.b64encode(bytes(15)).decode(),
        base64.b64encode(bytes(17)).decode(),
        KEY[:-1],
        KEY + "=",
        f"{KEY}, {KEY}",
        "dGhlIHNhbXBsZSBub25jZQé=",
    ],
)
def test_a_key_that_is_not_16_bytes_of_base64(key: str) -> None:
    assert refused({**GOOD, "Sec-WebSocket-Key": key}).status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"Upgrade": "h2c"},
        {"Upgrade": "websockets"},
        {"Connection": "keep-alive"},
        {"Connection": "close"},
        {"Host": " "},
    ],
    ids=str,
)
def test_wrong_values(change: dict[str, str]) -> None:
    assert refused({**GOOD, **change}).status == 400


@pytest.mark.parametrize("method", ["POST", "HEAD", "get", "OPTIONS"])
def test_another_method(method: str) -> None:
    refusal = refused(GOOD, method=method)
    assert (refusal.status, refusal.headers) == (405, {"Allow": "GET"})


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/0.9", "HTTP/1", "", "RTSP/2.0"])
def test_an_older_protocol(version: str) -> None:
    assert refused(GOOD, version=version).status == 400


def test_the_response_ends_its_head_and_accepts_nothing_else() -> None:
    lines = build_response(accept_key(KEY)).decode("ascii").split("\r\n")
    assert lines[0] == "HTTP/1.1 101 Switching Protocols"
    assert lines[-2:] == ["", ""]
    headers = dict(line.split(": ", 1) for line in lines[1:-2])
    assert headers == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    }
