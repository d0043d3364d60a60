"""Limits are per user and shared by all gateways. The tests check counts and order, not times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.clients import Account, EventClient, Refused, RestClient, WsClient, register
from tests.support.patience import PATIENCE
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

RATE, BURST = 5, 64
CHUNK_AND_CREDIT = 4 + 1
WRITES = 5
JOINS = 12


@pytest.fixture(scope="module")
def limited() -> Iterator[Stack]:
    env = {"SEND_RATE": str(RATE), "SEND_BURST": str(BURST), "MARK_RATE": str(RATE), "MARK_BURST": str(BURST)}
    env |= {"TYPING_RATE": str(RATE), "TYPING_BURST": "16", "WRITES_PER_MINUTE": str(WRITES)}
    env |= {"JOINS_PER_MINUTE": str(JOINS)}
    with private_stack(web=2, workers=1, env=env) as stack:
        yield stack


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    made: list[Any] = []
    yield made
    for client in made:
        client.finish() if isinstance(client, EventClient) else client.close()


@pytest.fixture
def people(limited: Stack) -> list[Account]:
    return [register(limited.base_url) for _ in range(3)]


def joined(stack: Stack, account: Account, opened: list[Any], gateway: int = 0) -> WsClient:
    client = WsClient(stack.base_urls[gateway], account)
    opened.append(client)
    return client.join()


def codes(client: WsClient, refs: list[str]) -> list[str]:
    """Returns the status or error code of each answer. Every refusal must carry ``retryAfter``."""
    return [code_of(client, ref) for ref in refs]


def code_of(client: WsClient, ref: str) -> str:
    try:
        return str(client.answer(ref, 30).data["status"])
    except Refused as error:
        return error.code if error.data["retryAfter"] > 0 else "never"


def test_burst_of_one_user_does_not_delay_another(limited: Stack, people: list[Account], opened: list[Any]) -> None:
    flood, calm, reader = (joined(limited, account, opened) for account in people)
    reader_id = people[2].user_id
    flood.send(receiver_id=reader_id)
    began = time.monotonic()
    refs = [flood.send_nowait("flood", receiver_id=reader_id) for _ in range(400)]
    calm_refs = [calm.send_nowait("calm", receiver_id=reader_id) for _ in range(BURST // 2)]
    assert codes(calm, calm_refs) == ["stored"] * len(calm_refs)
    outcomes = codes(flood, refs)
    allowed = BURST + RATE * (time.monotonic() - began) + CHUNK_AND_CREDIT
    assert BURST - 1 <= outcomes.count("stored") <= allowed
    assert outcomes.count("stored") + outcomes.count("rate_limited") == len(refs)
    reader.next_event(lambda e: e.name == "receive_message" and len(from_user(reader, people[1])) == len(calm_refs))
    order = [message["senderId"] for message in reader.messages()]
    last_calm = max(place for place, sender in enumerate(order) if sender == people[1].user_id)
    assert order[:last_calm].count(people[0].user_id) <= allowed + 1


def from_user(client: WsClient, account: Account) -> list[dict[str, Any]]:
    return [message for message in client.messages() if message["senderId"] == account.user_id]


def test_allowed_burst_is_stored_completely_and_in_order(
    limited: Stack, people: list[Account], opened: list[Any]
) -> None:
    sender = joined(limited, people[0], opened)
    reader = joined(limited, people[1], opened)
    refs = [sender.send_nowait(str(number), receiver_id=people[1].user_id) for number in range(BURST)]
    assert codes(sender, refs) == ["stored"] * BURST
    reader.next_event(lambda e: e.name == "receive_message" and e.data["message"] == str(BURST - 1))
    assert [message["message"] for message in reader.messages()] == [str(number) for number in range(BURST)]


def test_two_gateways_share_one_limit(limited: Stack, people: list[Account], opened: list[Any]) -> None:
    both = [joined(limited, people[0], opened, gateway) for gateway in (0, 1)]
    began = time.monotonic()
    refs = [[client.send_nowait(receiver_id=people[1].user_id) for _ in range(100)] for client in both]
    stored = [codes(client, sent).count("stored") for client, sent in zip(both, refs, strict=True)]
    elapsed = time.monotonic() - began
    assert BURST - 2 * CHUNK_AND_CREDIT <= sum(stored) <= BURST + RATE * elapsed + 2 * CHUNK_AND_CREDIT


def test_receipts_and_typing_have_separate_limits(limited: Stack, people: list[Account], opened: list[Any]) -> None:
    sender, other = people[:2]
    conversation = joined(limited, sender, opened).send(receiver_id=other.user_id)["conversationId"]
    reader = joined(limited, other, opened)
    mark = {"conversationId": conversation, "seq": 1}
    outcomes = codes(reader, [reader.command_nowait("message_read", mark) for _ in range(200)])
    assert outcomes.count("stored") >= BURST
    assert "rate_limited" in outcomes
    typing = {"conversationId": conversation, "typing": True}
    for _ in range(100):
        reader.command_nowait("typing", typing)
    reader.wait(lambda: True if "rate_limited" in errors(reader) else None, 30, "a refusal")
    assert reader.send(receiver_id=sender.user_id)["status"] == "stored"


def errors(client: WsClient) -> list[str]:
    return [event.data["code"] for event in list(client.replies.values()) if event.name == "error"]


def test_rest_changes_are_limited_per_user(limited: Stack, people: list[Account], opened: list[Any]) -> None:
    one, other = (RestClient(limited.base_url, account.access_token) for account in people[:2])
    opened += [one, other]
    body = {"kind": "direct", "userId": people[2].user_id}
    for _ in range(WRITES):
        one.request("POST", "/conversations", json=body)
    for method, path, content in (("POST", "/conversations", body), ("PATCH", "/me", {"displayName": "x"})):
        with pytest.raises(Refused) as caught:
            one.request(method, path, json=content)
        assert (caught.value.status, caught.value.code) == (429, "rate_limited")
        assert 0 < caught.value.data["retryAfter"] <= 60 / WRITES
    assert one.json("GET", "/conversations")["conversations"]
    other.request("POST", "/conversations", json=body)


def test_joins_are_limited_on_all_transports_and_gateways_together(
    limited: Stack, people: list[Account], opened: list[Any]
) -> None:
    account, other = people[:2]
    refusals: list[tuple[str | int, bool]] = []
    began = time.monotonic()

    def over_websocket(number: int) -> bool:
        try:
            joined(limited, account, opened, number % 2)
        except Refused as error:
            refusals.append((error.code, error.data["retryAfter"] > 0))
            return False
        return True

    def over_http(number: int, path: str) -> bool:
        with http.stream("GET", limited.base_urls[number % 2] + path) as answer:
            if answer.status_code != 200:
                refusals.append((answer.status_code, int(answer.headers["Retry-After"]) > 0))
            return answer.status_code == 200

    with httpx.Client(headers={"Authorization": f"Bearer {account.access_token}"}, timeout=PATIENCE) as http:
        acts = [
            over_websocket,
            partial(over_http, path="/api/v1/events"),
            partial(over_http, path="/api/v1/events/poll?wait=0"),
        ]
        results = [acts[number % 3](number) for number in range(JOINS + 6)]
    refilled = (time.monotonic() - began) * JOINS / 60
    assert results[:JOINS] == [True] * JOINS
    assert sum(results) <= JOINS + refilled + 1
    assert set(refusals) <= {("rate_limited", True), (429, True)}
    assert joined(limited, other, opened).send(receiver_id=account.user_id)["status"] == "stored"
