"""Events of applications: to the other members who are online, over every transport, stored nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, EventClient, RestClient, WsClient, register
from tests.support.processes import Stack

DATA = {"x": 1, "at": [0.5, None], "text": "Zeile\nzwei   漢", "deep": {"a": {"b": {"c": {"d": {"e": {}}}}}}}


@pytest.fixture
def made(group: MakeGroup, ann: Account, ben: Account, eve: Account) -> int:
    return group(ann, ben, eve)


def send_event(client: EventClient | RestClient, conversation_id: int, **event: Any) -> dict[str, Any]:
    if isinstance(client, WsClient):
        return client.command("send_event", {"conversationId": conversation_id, **event}).data
    rest = client.rest if isinstance(client, EventClient) else client
    return rest.json("POST", f"/conversations/{conversation_id}/events", json=event)


@pytest.mark.parametrize("by", ALL)
def test_event_reaches_every_session_of_the_other_members(
    connect: Connect, made: int, ann: Account, ben: Account, eve: Account, by: str
) -> None:
    sender, second = connect(by, ann), connect("ws", ann)
    readers = [connect(transport, who) for transport in ALL for who in (ben, eve)]
    for data in (DATA, [1, 2], "text", None, {}):
        assert send_event(sender, made, type="cursor_moved", data=data) == {}
        for reader in readers:
            event = reader.next_event("custom")
            assert event.data == {"conversationId": made, "userId": ann.user_id, "type": "cursor_moved", "data": data}
    for mine in (sender, second):
        mine.fence()
        assert mine.named("custom") == []


def test_event_without_data_has_an_empty_object(connect: Connect, made: int, ann: Account, ben: Account) -> None:
    reader = connect("ws", ben)
    send_event(connect("ws", ann), made, type="wave")
    assert reader.next_event("custom").data["data"] == {}


@pytest.mark.parametrize("transport", ["ws", "sse"])  # a poll's session stays between polls and buffers its events
def test_event_is_not_replayed_and_moves_no_cursor(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    before = len(away.events)
    send_event(rest(ann), made, type="wave")
    away.reconnect()
    away.fence()
    assert "custom" not in [event.name for event in away.events[before:]]
    last = rest(ann).conversation(made)["lastSeq"]
    assert last == 1, "only the system message of the group"
    live = connect(transport, ben)
    send_event(rest(ann), made, type="wave")
    assert live.next_event("custom").cursor is None


def test_only_members_send_and_get_events(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, user: Any
) -> None:
    stranger = user()
    outside, inside = connect("ws", stranger), connect("ws", ben)
    for client in (outside, rest(stranger)):
        with refused("not_found"):
            send_event(client, made, type="wave")
        with refused("not_found"):
            send_event(client, 2**40, type="wave")
    send_event(rest(ann), made, type="wave")
    assert inside.next_event("custom")
    outside.fence()
    assert outside.named("custom") == []
    rest(ann).json("DELETE", f"/conversations/{made}/members/{ben.user_id}")
    with refused("not_found"):
        send_event(inside, made, type="wave")


def test_block_hides_events_as_it_hides_typing(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    pair = int(rest(ann).direct(ben.user_id)["id"])
    mine, theirs = connect("ws", ann), connect("ws", ben)
    send_event(theirs, pair, type="wave")
    assert mine.next_event("custom")
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    assert send_event(theirs, pair, type="wave") == {}, "the block does not show"
    assert send_event(mine, pair, type="wave") == {}
    for client in (mine, theirs):
        client.fence()
    assert (len(mine.named("custom")), len(theirs.named("custom"))) == (1, 0)


@pytest.mark.parametrize("by", ["ws", "rest"])
@pytest.mark.parametrize(
    ("field", "code", "event"),
    [
        ("type", "invalid", {}),
        ("type", "invalid", {"type": ""}),
        ("type", "invalid", {"type": "Wave"}),
        ("type", "invalid", {"type": "1wave"}),
        ("type", "invalid", {"type": "a" * 33}),
        ("type", "invalid", {"type": "a-b"}),
        ("type", "invalid", {"type": 7}),
        ("data", "too_large", {"type": "wave", "data": "x" * 4095}),
        ("data", "invalid", {"type": "wave", "data": {"a": "\x00"}}),
        ("data", "invalid", {"type": "wave", "data": json.loads("[" * 33 + "]" * 33)}),
    ],
    ids=lambda value: str(value)[:24],
)
def test_bad_event_is_refused(
    connect: Connect, rest: MakeRest, made: int, ann: Account, by: str, field: str, code: str, event: Any
) -> None:
    with refused(code) as caught:
        send_event(connect("ws", ann) if by == "ws" else rest(ann), made, **event)
    assert caught.value.data["errors"][0]["field"].split(".")[0] == field


def test_largest_event_is_sent(connect: Connect, made: int, ann: Account, ben: Account) -> None:
    reader = connect("ws", ben)
    data, type_ = "x" * 4094, "a" * 32
    send_event(connect("ws", ann), made, type=type_, data=data)
    event = reader.next_event("custom")
    assert (event.data["type"], event.data["data"]) == (type_, data)


def test_events_have_a_rate_of_their_own(short_server: Stack, opened: list[Any]) -> None:
    account = register(short_server.base_url)
    client = WsClient(short_server.base_url, account)
    opened.append(client)
    client.join()
    notes = client.send("x", receiver_id=account.user_id)["conversationId"]
    refs = [client.command_nowait("send_event", {"conversationId": notes, "type": "wave"}) for _ in range(300)]
    answers = [_code(client, ref) for ref in refs]
    assert answers.count("") >= 100
    assert "rate_limited" in answers
    client.typing(conversation_id=notes)
    assert client.send("y", receiver_id=account.user_id)["status"] == "stored", "other rates have room"


def _code(client: WsClient, ref: str) -> str:
    answer = client.wait(lambda: client.replies.get(ref), 30, f"the answer to {ref}")
    return answer.data["code"] if answer.name == "error" else ""
