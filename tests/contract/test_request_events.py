"""Requests reach every device of their user at once, and later the devices that were away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.test_writing_requests import answer
from tests.support.clients import Account, EventClient, PollClient, RestClient
from tests.support.processes import Stack


def nobody_may(rest: RestClient) -> None:
    rest.json("PATCH", "/me", json={"mayWriteToMe": "nobody", "mayAddMe": "nobody"})


def news(client: EventClient) -> list[dict[str, Any]]:
    client.fence()
    return [event.data for event in client.named("request_updated")]


def next_news(client: EventClient, data: dict[str, Any]) -> None:
    """Waits for this state. Another one may come before it: a resume repeats the events of the last seconds."""
    client.next_event(lambda event: event.name == "request_updated" and event.data == data)


def names_of(answer: dict[str, Any]) -> list[str]:
    return [event["event"] for event in answer["events"]]


def ended(conversation_id: int) -> dict[str, Any]:
    return {"conversationId": conversation_id, "waiting": False}


def shown(rest: RestClient) -> list[dict[str, Any]]:
    return [{**request, "waiting": True} for request in rest.json("GET", "/requests")["requests"]]


@pytest.mark.parametrize("kind", ["direct", "group"])
@pytest.mark.parametrize("how", ["accept", "refuse"])
def test_request_and_its_answer_reach_every_device(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str, kind: str, how: str
) -> None:
    nobody_may(rest(ann))
    here, other, sender = connect(transport, ann), connect("ws", ann), connect("ws", ben)
    place = group(ben, ann) if kind == "group" else rest(ben).direct(ann.user_id)["id"]
    [waiting] = shown(rest(ann))
    assert (waiting["conversationId"], waiting["kind"], waiting["sender"]["id"]) == (place, kind, ben.user_id)
    for client in (here, other):
        assert client.next_event("request_updated").data == waiting
    answer(rest(ann), place, how)
    for client in (here, other):
        next_news(client, ended(place))
    assert len(news(other)) == 2
    assert news(sender) == []


@pytest.mark.parametrize("kind", ["direct", "group"])
def test_device_that_was_away_gets_the_present_state(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str, kind: str
) -> None:
    nobody_may(rest(ann))
    client = connect(transport, ann)
    client.kill()
    place = group(ben, ann) if kind == "group" else rest(ben).send(receiver_id=ann.user_id)["conversationId"]
    client.reconnect()
    next_news(client, shown(rest(ann))[0])
    client.fence()
    client.kill()
    answer(rest(ann), place, "refuse")
    client.reconnect()
    next_news(client, ended(place))


def test_accepted_request_has_ended_for_a_device_that_was_away(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    nobody_may(rest(ann))
    client = connect(transport, ann)
    places = [group(ben, ann), rest(ben).direct(ann.user_id)["id"]]
    client.fence()
    client.kill()
    for place in places:
        answer(rest(ann), place, "accept")
    client.reconnect()
    for place in places:
        next_news(client, ended(place))
    assert shown(rest(ann)) == []


def test_consent_and_an_invite_end_a_request(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    nobody_may(rest(ann))
    client = connect("ws", ann)
    direct, place = rest(ben).direct(ann.user_id)["id"], group(ben, ann)
    rest(ann).send(receiver_id=ben.user_id)
    assert ended(direct) in news(client)
    code = rest(ben).json("POST", f"/conversations/{place}/invites", json={})["code"]
    rest(ann).json("POST", f"/invites/{code}")
    assert ended(place) in news(client)
    rest(ann).request("POST", f"/conversations/{place}/leave")
    assert shown(rest(ann)) == []


def test_members_who_left_get_a_new_request(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    """The earlier request was accepted, which allows no second addition."""
    nobody_may(rest(ann))
    place = group(ben, ann)
    answer(rest(ann), place, "accept")
    rest(ann).request("POST", f"/conversations/{place}/leave")
    client = connect("ws", ann)
    rest(ben).json("POST", f"/conversations/{place}/members", json={"userIds": [ann.user_id]})
    assert client.next_event("request_updated").data["waiting"] is True
    assert [request["conversationId"] for request in shown(rest(ann))] == [place]


def test_repeated_wish_is_announced_once(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    nobody_may(rest(ann))
    client, place = connect("ws", ann), group(ben, ann)
    for _ in range(3):
        rest(ben).json("POST", f"/conversations/{place}/members", json={"userIds": [ann.user_id]})
        rest(ben).send(receiver_id=ann.user_id)
    assert len(news(client)) == 2  # the group, and the direct conversation


def test_blocked_users_are_not_announced(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    nobody_may(rest(ann))
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    client, away = connect(transport, ann), connect(transport, ann)
    away.kill()
    hidden = rest(ben).send(receiver_id=ann.user_id)["conversationId"]
    group(ben, ann)
    away.reconnect()
    assert news(client) == news(away) == []
    rest(ann).request("DELETE", f"/blocks/{ben.user_id}")
    assert client.next_event("request_updated").data["conversationId"] == hidden
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    assert client.next_event("request_updated").data == ended(hidden)


def test_requests_of_users_blocked_meanwhile_end_on_resume(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    nobody_may(rest(ann))
    client = connect(transport, ann)
    place = rest(ben).direct(ann.user_id)["id"]
    client.fence()
    client.kill()
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    client.reconnect()
    next_news(client, ended(place))


@pytest.mark.parametrize("name", ["request_updated", "user_updated"])
def test_poll_whose_answer_was_lost_is_answered_again(
    server: Stack, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, opened: list[Any], name: str
) -> None:
    """The events moved no cursor, so the session that the poll left behind had forgotten them."""
    group(ann, ben)
    nobody_may(rest(ann))
    client = PollClient(server.base_url, ann)
    opened.append(client)
    cursor = str(client.poll(None, 0)["cursor"])
    if name == "request_updated":
        rest(ben).direct(ann.user_id)
    else:
        rest(ben).json("PATCH", "/me", json={"displayName": "Ben Anew"})
    answers = [client.poll(cursor, 5) for _ in range(3)]  # as if the first two were lost
    assert all(name in names_of(answer) for answer in answers)
    assert all(answer["cursor"] != cursor for answer in answers)
    assert name not in names_of(client.poll(answers[-1]["cursor"], 0))


@pytest.mark.parametrize("transport", ALL)
def test_nobody_else_gets_the_event(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    nobody_may(rest(ann))
    others = [connect(transport, ben), connect(transport, eve)]
    group(ben, ann, eve)
    rest(ben).direct(ann.user_id)
    assert [news(client) for client in others] == [[], []]
