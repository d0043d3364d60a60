"""The ends of sessions, where everything is short: 8 s tokens, 1 s to join, pings every second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.expect import elapsed, eventually
from tests.support.clients import (
    Account,
    EventClient,
    HandshakeRefused,
    Refused,
    RestClient,
    SseClient,
    WsClient,
    register,
)
from tests.support.processes import Stack


@pytest.fixture
def url(short_server: Stack) -> str:
    return short_server.base_url


@pytest.fixture
def ann(url: str) -> Account:
    return register(url)


@pytest.fixture
def open_ws(url: str, opened: list[Any]) -> Any:
    def make(account: Account, credential: str = "header", **options: Any) -> WsClient:
        client = WsClient(url, account, credential=credential)
        opened.append(client)
        return client.connect(**options)

    return make


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    made: list[Any] = []
    yield made
    for client in made:
        client.finish() if isinstance(client, EventClient) else client.close()


def renew(url: str, account: Account) -> str:
    client = RestClient(url)
    try:
        body = client.refresh(account.refresh_token)
    finally:
        client.close()
    account.refresh_token, account.access_token = body["refreshToken"], body["accessToken"]
    return str(body["accessToken"])


def test_who_does_not_join_is_closed(open_ws: Any, ann: Account) -> None:
    start = time.monotonic()
    client = open_ws(ann)
    assert client.wait_closed(8) in {4401, 4408}
    assert elapsed(start) < 5


def test_who_shows_no_token_in_time_is_unauthorized(open_ws: Any, ann: Account) -> None:
    client = open_ws(ann, "none")
    assert client.wait_closed(8) in {4401, 4408}


def test_a_session_ends_with_its_token(open_ws: Any, ann: Account) -> None:
    client = open_ws(ann).join()
    assert client.wait_closed(20) == 4401
    assert client.next_event("error").data["code"] == "unauthorized"


def test_a_stream_ends_with_its_token(url: str, ann: Account, opened: list[Any]) -> None:
    client = SseClient(url, ann)
    opened.append(client)
    client.join()
    client.wait_closed(20)


def test_authenticate_in_time_prolongs_the_session(url: str, open_ws: Any, ann: Account) -> None:
    """Alive past the end of the first token, and of none of the later ones."""
    client = open_ws(ann).join()
    for _ in range(2):
        stay(client, 3)
        client.command("authenticate", {"token": renew(url, ann)})
    stay(client, 4)
    assert not client.ended


def stay(client: WsClient, seconds: float) -> None:
    """Be there, pinging now and then."""
    start = time.monotonic()

    def long_enough() -> bool:
        client.ping()
        return elapsed(start) > seconds

    eventually(long_enough, f"{seconds} s of life", seconds + 10)


def test_authenticate_as_another_is_refused(url: str, open_ws: Any, ann: Account) -> None:
    client = open_ws(ann).join()
    with pytest.raises(Refused) as caught:
        client.command("authenticate", {"token": register(url).access_token})
    assert caught.value.code in {"unauthorized", "forbidden"}


def test_an_expired_token_opens_nothing(url: str, open_ws: Any, ann: Account) -> None:
    client = RestClient(url, ann.access_token)
    try:
        _until_refused(client)
    finally:
        client.close()
    with pytest.raises(HandshakeRefused) as caught:
        open_ws(ann)
    assert caught.value.status == 401


def _until_refused(client: RestClient) -> None:
    deadline = time.monotonic() + 25
    while time.monotonic() < deadline:
        try:
            client.json("GET", "/me")
        except Refused as error:
            assert error.code == "unauthorized"  # noqa: PT017
            return
    raise AssertionError("an access token of 8 s works after 25 s")


def test_a_ticket_expires(url: str, open_ws: Any, ann: Account) -> None:
    client = RestClient(url, ann.access_token)
    try:
        ticket = client.ticket()
        start = time.monotonic()
        while elapsed(start) < 1.5:
            client.json("GET", "/me")
    finally:
        client.close()
    with pytest.raises(HandshakeRefused) as caught:
        open_ws(ann, "none", query=f"?ticket={ticket}")
    assert caught.value.status == 401


def test_a_peer_that_answers_no_ping_is_gone(open_ws: Any, ann: Account) -> None:
    client = open_ws(ann)
    client.connection.answer_pings = False
    client.join()
    client.wait_closed(8)


def test_a_foreign_origin_is_refused_before_the_upgrade(open_ws: Any, ann: Account) -> None:
    with pytest.raises(HandshakeRefused) as caught:
        open_ws(ann, origin="https://evil.example")
    assert caught.value.status == 403
    with pytest.raises(HandshakeRefused) as caught:
        open_ws(ann, origin="null")
    assert caught.value.status == 403


def test_a_listed_origin_and_none_are_welcome(open_ws: Any, ann: Account) -> None:
    open_ws(ann, origin="https://chat.example").join()
    open_ws(ann).join()


def test_the_senders_allowance_has_an_end_and_comes_back(open_ws: Any, ann: Account) -> None:
    """Thirty at once, then five a second: told how long to wait, and served after it."""
    client = open_ws(ann).join()
    refs = [client.send_nowait(receiver_id=ann.user_id) for _ in range(60)]
    codes = [_outcome(client, ref) for ref in refs]
    assert codes.count("stored") >= 30
    assert "rate_limited" in codes
    wait = float(_send_until_refused(client).data["retryAfter"])
    assert 0 < wait <= 10
    stay(client, wait)
    assert client.send(receiver_id=ann.user_id)["status"] == "stored"


def _send_until_refused(client: WsClient) -> Refused:
    try:
        while True:
            client.send(receiver_id=client.account.user_id)
    except Refused as refusal:
        return refusal


def _outcome(client: WsClient, ref: str) -> str:
    try:
        return str(client.answer(ref).data["status"])
    except Refused as error:
        return error.code


def test_sessions_of_one_user_have_a_bound(url: str, ann: Account, opened: list[Any]) -> None:
    def one_more() -> None:
        client = WsClient(url, ann)
        opened.append(client)
        client.join()

    for _ in range(5):
        one_more()
    with pytest.raises((Refused, HandshakeRefused, ConnectionError)):
        one_more()
