"""Ends of sign-ins against joins, and uploads against the quota. Honest people talk between the runs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attack.conftest import ENV, rounds
from tests.attack.honest import People
from tests.contract.test_ended_sessions import End, delete, log_out, reuse
from tests.support.clients import Refused, RestClient, WsClient, register
from tests.support.processes import Stack

SOCKETS = 4
UPLOAD_BYTES = 200_000


@pytest.mark.parametrize("end", [log_out, reuse, delete])
def test_joins_against(server: Stack, people: People, end: End) -> None:
    for number in range(2 * rounds()):
        race_with_joins(server.base_url, end, number % (SOCKETS + 1))
        people.talk(number % 2)


def race_with_joins(base_url: str, end: End, joined: int) -> None:
    """Ends the sign-in while the sockets join; every one of them must be closed with 4401."""
    account = register(base_url)
    rest = RestClient(base_url, account.access_token)
    clients = [WsClient(base_url, account).connect() for _ in range(SOCKETS)]
    for client in clients[:joined]:
        client.command_nowait("join", {})
    ending = threading.Thread(target=end, args=(rest, account))
    ending.start()
    for client in clients[joined:]:
        client.command_nowait("join", {})
    ending.join()
    try:
        assert [client.wait_closed() for client in clients] == [4401] * SOCKETS
    finally:
        rest.close()
        for client in clients:
            client.finish()


def test_uploads_against_the_quota(server: Stack, people: People) -> None:
    for number in range(rounds()):
        assert stored_at_once(server.base_url) <= int(ENV["MAX_STORED_BYTES"])
        people.talk(number % 2)


def stored_at_once(base_url: str) -> int:
    """Sends more at once than fits, again and again, and returns how many bytes were accepted."""
    account, other = register(base_url), register(base_url)
    rest = RestClient(base_url, account.access_token)
    conversation = rest.direct(other.user_id)["id"]

    def upload(number: int) -> int:
        files = {"file": (f"{number}.bin", bytes([number]) * UPLOAD_BYTES, "application/octet-stream")}
        client = RestClient(base_url, account.access_token)
        try:
            client.request("POST", "/media", params={"conversationId": conversation}, files=files)
        except Refused as refused:
            if refused.code not in {"quota_exceeded", "rate_limited"}:
                raise
            return 0
        finally:
            client.close()
        return UPLOAD_BYTES

    try:
        with ThreadPoolExecutor(8) as pool:
            stored = sum(pool.map(upload, range(24)))
    finally:
        rest.close()
    assert stored > 0
    return stored
