"""Push endpoints are hostile input: which may be registered, and to which addresses a connection is made."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from app.config import PUSH_SERVICES, ConfigError, Settings, check_settings
from app.push.endpoint import EndpointRules, ForbiddenEndpointError, check_endpoint, connect_checked, may_call

USUAL = EndpointRules(PUSH_SERVICES)
ANY = EndpointRules(("*",))

GOOD = {
    "https://fcm.googleapis.com/fcm/send/abc:def": "fcm.googleapis.com",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAA": "updates.push.services.mozilla.com",
    "https://web.push.apple.com/QOa": "web.push.apple.com",
    "https://wns2-par02p.notify.windows.com/w/?token=x": "wns2-par02p.notify.windows.com",
    "https://FCM.googleapis.com:443/x": "fcm.googleapis.com",
}
BAD = [
    "http://fcm.googleapis.com/x",
    "https://fcm.googleapis.com:444/x",
    "https://fcm.googleapis.com:99999/x",
    "https://fcm.googleapis.com@evil.example/x",
    "https://fcm.googleapis.com\\@evil.example/x",
    "https://evil.example/fcm.googleapis.com",
    "https://push.services.mozilla.com.evil.example/",
    "https://evilpush.apple.com/",
    "https://fcm.googleapis.com/x#y",
    "https://fcm.googleapis.com/a b",
    "https://fcm.googleapis.com/\n",
    "https://fcm.googleapis.com．evil.example/",
    "https://[::1]/x",
    "https://127.0.0.1/x",
    "https:///x",
    "ftp://fcm.googleapis.com/",
    "nonsense",
]


@pytest.mark.parametrize(("endpoint", "host"), GOOD.items())
def test_push_service_endpoints_are_accepted(endpoint: str, host: str) -> None:
    assert check_endpoint(endpoint, USUAL) == host


@pytest.mark.parametrize("endpoint", BAD)
def test_other_endpoints_are_refused(endpoint: str) -> None:
    with pytest.raises(ForbiddenEndpointError) as caught:
        check_endpoint(endpoint, USUAL)
    assert "evil" not in str(caught.value)


def test_any_host_allows_names_but_no_bare_addresses() -> None:
    assert check_endpoint("https://push.example.org/x", ANY) == "push.example.org"
    for endpoint in (
        "https://93.184.216.34/x",
        "https://[2606:2800::1]/x",
        "https://localhost/x",
        "https://intranet/x",
    ):
        with pytest.raises(ForbiddenEndpointError):
            check_endpoint(endpoint, ANY)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
        *("2002:7f00:1::", "2002:a00:1::", "64:ff9b:1::1", "64:ff9b::a9fe:a9fe", "64:ff9b::8efa:4a8a", "2001:db8::1"),
        *("64:ff9b:1::a00:1", "fec0::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:20::1", "3fff::1", "5f00::1"),
        *("192.0.0.192", "::ffff:192.0.0.192", "2002:c000:c0::", "168.63.129.16", "192.88.99.1"),
    ],
)
def test_private_addresses_are_not_called(address: str) -> None:
    assert not may_call(address, loopback=False)


def test_public_addresses_are_called_and_loopback_only_by_the_test_setting() -> None:
    assert may_call("142.250.74.138", loopback=False)
    assert may_call("2a00:1450:4001:80e::200a", loopback=False)
    assert may_call("127.0.0.1", loopback=True)
    assert not may_call("10.0.0.1", loopback=True)


def resolving_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Resolves names to the next of these answers at each lookup. Returns the list of the names looked up."""
    looked_up: list[str] = []
    rest = iter(answers)

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(rest)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up


@pytest.mark.parametrize("answer", [["10.0.0.5"], ["142.250.74.138", "127.0.0.1"], []])
def test_name_with_a_private_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, answer: list[str]) -> None:
    resolving_to(monkeypatch, answer)
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a connection was opened"))
    with pytest.raises(ForbiddenEndpointError):
        connect_checked("rebinding.example", 443, 1.0, loopback=False)


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example", "a.example..", ".example"])
def test_host_that_cannot_be_a_name_is_not_connected_to(host: str) -> None:
    with pytest.raises(ForbiddenEndpointError):
        connect_checked(host, 443, 1.0, loopback=False)


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "017700000001", "0x7f.1", "0", "127.0.0.1."])
def test_other_forms_of_private_addresses_are_not_connected_to(host: str) -> None:
    """The resolver reads them as addresses, as browsers do."""
    with pytest.raises((ForbiddenEndpointError, socket.gaierror)):
        connect_checked(host, 443, 1.0, loopback=False)


def test_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: a second lookup would return another address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        looked_up = resolving_to(monkeypatch, ["127.0.0.1"], ["10.0.0.5"])
        with connect_checked("rebinding.example", port, 5.0, loopback=True) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
        assert looked_up == ["rebinding.example"]


def test_production_refuses_push_loopback() -> None:
    env = {
        "DATABASE_URL": "postgres://h/d",
        "REDIS_URL": "redis://h",
        "APP_ENV": "production",
        "SECRET_KEY": "an unguessable key, of many letters",
        "PUSH_LOOPBACK": "1",
    }
    with pytest.raises(ConfigError, match="PUSH_LOOPBACK"):
        check_settings(Settings.from_env(env))
    with pytest.raises(ConfigError, match="PUSH_PREVIEW"):
        check_settings(Settings.from_env({**env, "PUSH_LOOPBACK": "0", "PUSH_PREVIEW": "half"}))
