"""The rules of the opening handshake: which requests may become a WebSocket, and how the others are answered."""

from __future__ import annotations

import base64

import pytest

from app.core.ws_handshake import UpgradeRefused, accept_key, build_response, check_upgrade

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, section 1.3
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


def test_accept_key_matches_the_rfc_example() -> None:
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
def test_valid_upgrade_requests_are_accepted(change: dict[str, str]) -> None:
    assert check_upgrade("GET", "HTTP/1.1", {**GOOD, **change}) == KEY


def test_header_names_are_case_insensitive() -> None:
    assert check_upgrade("GET", "HTTP/1.1", {name.upper(): value for name, value in GOOD.items()}) == KEY
    assert check_upgrade("GET", "HTTP/2.0", {name.lower(): value for name, value in GOOD.items()}) == KEY


@pytest.mark.parametrize("name", ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
def test_request_without_a_required_header_is_refused(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    assert refused(without).status == 400


@pytest.mark.parametrize("version", ["0", "7", "8", "12", "14", "13, 8", "013", "x"])
def test_other_versions_get_426_with_the_supported_version(version: str) -> None:
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
def test_key_that_is_not_16_base64_bytes_is_refused(key: str) -> None:
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
def test_wrong_header_values_are_refused(change: dict[str, str]) -> None:
    assert refused({**GOOD, **change}).status == 400


@pytest.mark.parametrize("method", ["POST", "HEAD", "get", "OPTIONS"])
def test_other_methods_get_405(method: str) -> None:
    refusal = refused(GOOD, method=method)
    assert (refusal.status, refusal.headers) == (405, {"Allow": "GET"})


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/0.9", "HTTP/1", "", "RTSP/2.0"])
def test_protocols_before_http_1_1_are_refused(version: str) -> None:
    assert refused(GOOD, version=version).status == 400


def test_response_ends_its_head_and_accepts_no_extension_or_subprotocol() -> None:
    lines = build_response(accept_key(KEY)).decode("ascii").split("\r\n")
    assert lines[0] == "HTTP/1.1 101 Switching Protocols"
    assert lines[-2:] == ["", ""]
    headers = dict(line.split(": ", 1) for line in lines[1:-2])
    assert headers == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    }
