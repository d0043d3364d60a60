"""The ends of sessions, with short limits: tokens of 8 s, 1 s to join, pings every second."""

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
from tests.support.patience import PATIENCE
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


def test_session_that_does_not_join_in_time_is_closed(open_ws: Any, ann: Account) -> None:
    joined = open_ws(ann).join()
    client = open_ws(ann)
    assert client.wait_closed() in {4401, 4408}
    assert not joined.ended, "a session that has joined lives until its token expires"


def test_session_without_a_token_is_closed(open_ws: Any, ann: Account) -> None:
    client = open_ws(ann, "none")
    assert client.wait_closed(30) in {4401, 4408}


def test_session_ends_when_its_token_expires(open_ws: Any, ann: Account) -> None:
    client = open_ws(ann).join()
    assert client.wait_closed(30) == 4401
    assert client.next_event("error").data["code"] == "unauthorized"


def test_event_stream_ends_when_its_token_expires(url: str, ann: Account, opened: list[Any]) -> None:
    client = SseClient(url, ann)
    opened.append(client)
    client.join()
    client.wait_closed(30)


def test_authenticate_in_time_prolongs_the_session(url: str, open_ws: Any, ann: Account) -> None:
    """The session outlives the first token, while each later token is still valid."""
    first, client = RestClient(url, ann.access_token), open_ws(ann).join()
    renewed = time.monotonic()

    def first_token_expired() -> bool:
        nonlocal renewed
        client.ping()
        if elapsed(renewed) > 2:
            renewed = time.monotonic()
            client.command("authenticate", {"token": renew(url, ann)})
        return is_refused(first)

    try:
        eventually(first_token_expired, "the end of the first token")
    finally:
        first.close()
    client.ping()
    assert not client.ended


def test_authenticate_as_another_user_is_refused(url: str, open_ws: Any, ann: Account) -> None:
    client = open_ws(ann).join()
    with pytest.raises(Refused) as caught:
        client.command("authenticate", {"token": register(url).access_token})
    assert caught.value.code in {"unauthorized", "forbidden"}


def test_expired_token_is_refused(url: str, open_ws: Any, ann: Account) -> None:
    client = RestClient(url, ann.access_token)
    try:
        eventually(lambda: is_refused(client), "the end of the access token")
    finally:
        client.close()
    with pytest.raises(HandshakeRefused) as caught:
        open_ws(ann)
    assert caught.value.status == 401


def is_refused(client: RestClient) -> bool:
    try:
        client.json("GET", "/me")
    except Refused as error:
        return error.code == "unauthorized"
    return False


def test_ticket_expires(url: str, open_ws: Any, ann: Account) -> None:
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


def test_peer_that_answers_no_pings_is_disconnected(open_ws: Any, ann: Account) -> None:
    client = open_ws(ann)
    client.connection.answer_pings = False
    client.join()
    assert client.wait_closed() != 4401, "it must end before its token does"


def test_foreign_origin_is_refused_before_the_upgrade(open_ws: Any, ann: Account) -> None:
    with pytest.raises(HandshakeRefused) as caught:
        open_ws(ann, origin="https://evil.example")
    assert caught.value.status == 403
    with pytest.raises(HandshakeRefused) as caught:
        open_ws(ann, origin="null")
    assert caught.value.status == 403


def test_listed_origin_and_no_origin_are_accepted(open_ws: Any, ann: Account) -> None:
    open_ws(ann, origin="https://chat.example").join()
    open_ws(ann).join()


def keep_alive(client: WsClient, seconds: float) -> None:
    """Keeps the session alive by pinging now and then."""
    start = time.monotonic()

    def long_enough() -> bool:
        client.ping()
        return elapsed(start) > seconds

    eventually(long_enough, f"{seconds} s of life", seconds + PATIENCE)


def test_send_rate_is_limited_and_recovers(open_ws: Any, ann: Account) -> None:
    """A burst of thirty, then five per second. A refusal gives the wait, and a send after that wait succeeds."""
    client = open_ws(ann).join()
    refs = [client.send_nowait(receiver_id=ann.user_id) for _ in range(60)]
    codes = [_outcome(client, ref) for ref in refs]
    assert codes.count("stored") >= 30
    assert "rate_limited" in codes
    wait = float(_send_until_refused(client).data["retryAfter"])
    assert 0 < wait <= 10
    keep_alive(client, wait)
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


def test_number_of_sessions_per_user_is_limited(url: str, ann: Account, opened: list[Any]) -> None:
    def one_more() -> None:
        client = WsClient(url, ann)
        opened.append(client)
        client.join()

    for _ in range(5):
        one_more()
    with pytest.raises((Refused, HandshakeRefused, ConnectionError)):
        one_more()
