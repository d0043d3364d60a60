"""Attackers at full speed."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import httpx

from tests.attack.attackers import (
    EMPTY_FRAGMENT,
    FIRST_FRAGMENT,
    PING,
    Held,
    accounts,
    attacking,
    cursor_of,
    flooding,
    handshake,
    requesting,
    text_frame,
)
from tests.attack.conftest import rounds
from tests.attack.honest import People
from tests.support.clients import Account
from tests.support.patience import PATIENCE
from tests.support.processes import Stack

CROWD, POLLS_EACH = 41, 50
CONNECTIONS = 40


def test_long_polls_of_many_accounts(server: Stack, people: People) -> None:
    crowd = accounts(server.base_url, CROWD)
    cursors = [cursor_of(server.base_url, account) for account in crowd]

    def request(number: int) -> bytes:
        account, cursor = crowd[number % CROWD], cursors[number % CROWD]
        path = f"/api/v1/events/poll?cursor={cursor}&wait=25&deviceId=d{number}"
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {account.access_token}\r\n\r\n"
        return head.encode()

    held = Held(server.base_url, CROWD * POLLS_EACH, request)
    with attacking(held):
        assert held.full.wait(4 * PATIENCE)
        people.talk_through(rounds())


def test_unjoined_sockets(server: Stack, people: People) -> None:
    """Each has sent most of a frame, which the server must keep."""
    begun = handshake() + b"\x81\xfe\x0f\xff\0\0\0\0" + b"a" * 4000
    held = Held(server.base_url, 2000, lambda _: begun)
    with attacking(held):
        assert held.full.wait(4 * PATIENCE)
        people.talk_through(rounds())


def test_pings(server: Stack, people: People) -> None:
    floods = [flooding(server.base_url, a, b"", PING * 2000) for a in accounts(server.base_url, 8)]
    with attacking(*floods):
        people.talk_through(rounds())


def test_empty_fragments(server: Stack, people: People) -> None:
    floods = [
        flooding(server.base_url, account, FIRST_FRAGMENT, EMPTY_FRAGMENT * 2000)
        for account in accounts(server.base_url, CONNECTIONS)
    ]
    with attacking(*floods):
        people.talk_through(rounds())


def test_commands_that_read(server: Stack, people: People) -> None:
    reads = b"".join(
        text_frame("fetch_unread_messages", {"limit": 100}) + text_frame("presence_subscribe", {"userIds": [1, 2, 3]})
        for _ in range(200)
    )
    floods = [flooding(server.base_url, account, b"", reads) for account in accounts(server.base_url, 8)]
    with attacking(*floods):
        people.talk_through(rounds())


def test_reads_over_rest(server: Stack, people: People) -> None:
    floods = [requesting(server.base_url, {200, 429}, reads_of(a)) for a in accounts(server.base_url, 8)]
    with attacking(*floods):
        people.talk_through(rounds())


def reads_of(account: Account) -> Callable[[httpx.Client, int], httpx.Response]:
    headers = {"Authorization": f"Bearer {account.access_token}"}
    paths = ("/api/v1/conversations", "/api/v1/messages/unread", "/api/v1/search?q=hello", "/api/v1/users?q=u1")
    return lambda client, number: client.get(paths[number % len(paths)], headers=headers)


def test_sign_ins(server: Stack, people: People) -> None:
    """Wrong passwords of names that exist and names that do not."""
    names = [account.username for account in accounts(server.base_url, 5)]

    def guess(number: int) -> dict[str, str]:
        name = names[number % len(names)] if number % 2 else f"u{uuid.uuid4().hex[:12]}"
        return {"username": name, "password": "wrong horse battery"}

    flood = requesting(
        server.base_url,
        {401, 429, 503},
        lambda client, number: client.post("/api/v1/auth/login", json=guess(number)),
    )
    with attacking(*[flood] * 16):
        people.talk_through(rounds())
