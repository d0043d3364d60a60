"""A server behind a proxy: limits count the clients, not the proxy.

During floods of wrong passwords, others can sign in, and an owner is not locked out of known devices.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.expect import eventually
from tests.support.clients import Account, register
from tests.support.patience import PATIENCE
from tests.support.private_stack import private_stack
from tests.support.processes import REAL_PASSWORDS, Stack

FLOOD = 400
MOST = 1000  # connections, of which one address may hold half


@pytest.fixture(scope="module")
def strict_server() -> Iterator[Stack]:
    """A server behind one proxy of its own, with the limits of production."""
    env = {"AUTH_ATTEMPTS_PER_MINUTE": "30", "TRUSTED_PROXIES": "1", "WORKER_CONNECTIONS": str(MOST)}
    with private_stack(web=1, workers=1, env={**env, **REAL_PASSWORDS}) as stack:
        yield stack


@pytest.fixture
def owner(strict_server: Stack) -> Account:
    return register(strict_server.base_url)


def ask(server: Stack, path: str, body: dict[str, Any], *, address: str, token: str = "") -> httpx.Response:
    headers = {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx.post(
        f"{server.base_url}/api/v1{path}", json=body, headers=headers, timeout=2 * PATIENCE, trust_env=False
    )


def sign_in(server: Stack, name: str, password: str, address: str, **more: str) -> httpx.Response:
    return ask(server, "/auth/login", {"username": name, "password": password, **more}, address=address)


def test_flood_from_one_address_does_not_shut_sign_in(strict_server: Stack, owner: Account) -> None:
    def guess(number: int) -> int:
        return sign_in(strict_server, f"nobody-{number}", "a wrong guess", "198.51.100.7").status_code

    with ThreadPoolExecutor(FLOOD) as pool:
        guesses = [pool.submit(guess, number) for number in range(FLOOD)]
        honest = [sign_in(strict_server, owner.username, owner.password, "198.51.100.8") for _ in range(5)]
        assert [answer.status_code for answer in honest] == [200] * 5
        seen = Counter(done.result() for done in guesses)
    assert set(seen) <= {401, 429, 503}, seen
    assert seen[401]


def test_wrong_tries_delay_one_network_and_no_known_device(strict_server: Stack, owner: Account) -> None:
    known = sign_in(strict_server, owner.username, owner.password, "203.0.113.1").json()["deviceToken"]
    tries = [sign_in(strict_server, owner.username, "a wrong guess", "203.0.113.1") for _ in range(30)]
    refused = [answer.json() for answer in tries if answer.status_code == 429]
    assert refused
    assert {(problem["code"], problem["retryAfter"] >= 1) for problem in refused} == {("rate_limited", True)}
    right = sign_in(strict_server, owner.username, owner.password, "203.0.113.1", deviceToken=known)
    assert right.status_code == 200
    elsewhere = sign_in(strict_server, owner.username.upper(), owner.password, "203.0.113.2")
    assert elsewhere.status_code == 200


def test_known_device_has_a_budget_and_not_more(strict_server: Stack, owner: Account) -> None:
    other = register(strict_server.base_url)
    signed_in = sign_in(strict_server, other.username, other.password, "203.0.113.3").json()
    for token, name in ((signed_in["deviceToken"], other.username), (signed_in["deviceToken"], owner.username)):
        tries = [sign_in(strict_server, name, "wrong guess", "203.0.113.4", deviceToken=token) for _ in range(30)]
        assert Counter(answer.status_code for answer in tries)[429] > 0
    forged = sign_in(strict_server, owner.username, owner.password, "203.0.113.5", deviceToken="forged")
    assert forged.status_code == 200


def test_refresh_makes_a_device_known_and_its_token_is_no_other_credential(
    strict_server: Stack, owner: Account
) -> None:
    refreshed = ask(strict_server, "/auth/refresh", {}, address="203.0.113.6", token=owner.refresh_token).json()
    token = refreshed["deviceToken"]
    me = httpx.get(f"{strict_server.base_url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert me.status_code == 401
    assert ask(strict_server, "/auth/refresh", {}, address="203.0.113.6", token=token).status_code == 401


def test_stolen_token_does_not_lock_the_password_of_another_sign_in(strict_server: Stack, owner: Account) -> None:
    body = {"current": "a wrong guess", "new": "a much better password"}
    tries = [
        ask(strict_server, "/auth/password", body, address="203.0.113.7", token=owner.access_token).status_code
        for _ in range(30)
    ]
    assert set(tries) == {403, 429}
    other = sign_in(strict_server, owner.username, owner.password, "203.0.113.8").json()["accessToken"]
    changed = ask(
        strict_server, "/auth/password", {**body, "current": owner.password}, address="203.0.113.8", token=other
    )
    assert changed.status_code == 204


def test_address_behind_a_proxy_cannot_hold_the_process(strict_server: Stack) -> None:
    place = urlsplit(strict_server.base_url)
    slow = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"X-Forwarded-For: 10.0.0.1, 192.0.2.1\r\nContent-Length: 9\r\n\r\n"
    )

    def limits(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return httpx.get(f"{strict_server.base_url}/api/v1/limits", headers=headers, trust_env=False).status_code

    with ExitStack() as held:
        for _ in range(MOST // 2 + 1):
            connection = held.enter_context(socket.create_connection((place.hostname, place.port)))
            connection.sendall(slow)
        eventually(lambda: limits("192.0.2.1") == 503, "an address that has too many connections")
        assert limits("192.0.2.2") == 200
    eventually(lambda: limits("192.0.2.1") == 200, "room after the connections are closed")
