"""A request with unknown fields is carried out and its answer names them; with STRICT_REQUESTS it is invalid."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, HostClient, RestClient, WsClient, register
from tests.support.processes import Stack

MORE = {"colour": "red", "nested": {"a": 1}}


def test_commands_name_what_they_ignored(connect: Connect, rest: MakeRest, made: int, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    ack = client.command("send_message", {"conversationId": made, "message": "x", **MORE}).data
    assert (ack["seq"], ack["status"], sorted(ack["ignored"])) == (2, "stored", ["colour", "nested"])
    for event, data, answer in (
        ("edit_message", {"id": ack["id"], "message": "y"}, "ack"),
        ("star_message", {"id": ack["id"], "on": True}, "ack"),
        ("message_read", {"conversationId": made, "seq": 2}, "ack"),
        ("fetch_unread_messages", {}, "unread_messages"),
        ("presence_subscribe", {"userIds": [ann.user_id]}, "presence"),
        ("ping", {}, "pong"),
    ):
        found = client.command(event, {**data, "colour": "red"})
        assert (found.name, found.data["ignored"]) == (answer, ["colour"]), event
        assert "ignored" not in client.command(event, data).data, event
    assert rest(ann).history(made)["messages"][-1]["message"] == "y"


def test_fields_of_nested_objects_are_named(rest: MakeRest, connect: Connect, made: int, ann: Account) -> None:
    first = rest(ann).send(conversation_id=made, message="x")
    data = {"conversationId": made, "message": "", "forward": {"id": first["id"], "deep": 1}}
    assert connect("ws", ann).command("send_message", data).data["ignored"] == ["forward.deep"]
    assert rest(ann).json("POST", "/messages", json=data)["ignored"] == ["forward.deep"]


def test_unknown_field_of_a_frame_is_named(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    client.send_text('{"event":"ping","data":{},"ref":"f1","colour":1}')
    assert client.answer("f1").data == {"ignored": ["colour"]}
    client.send_text('{"event":"ping","data":{},"colour":1}')
    assert client.next_event("pong").data == {"ignored": ["colour"]}


def test_refusal_of_a_command_names_what_was_ignored(connect: Connect, ann: Account) -> None:
    """A misspelt field is often the reason for the refusal."""
    with refused("invalid") as caught:
        connect("ws", ann).command("send_message", {"conversationid": 1, "message": "x"})
    assert caught.value.data["ignored"] == ["conversationid"]


def test_many_commands_with_unknown_fields_do_not_end_the_session(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    for _ in range(15):
        client.command("ping", {"colour": 1})
    assert not client.ended


def test_rest_answers_name_what_they_ignored(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    mine = rest(ann)
    sent = mine.json("POST", "/messages", json={"conversationId": made, "message": "x", **MORE})
    assert sorted(sent["ignored"]) == ["colour", "nested"]
    for method, path, body in (
        ("PATCH", f"/messages/{sent['id']}", {"message": "y"}),
        ("POST", f"/conversations/{made}/read", {"seq": 2}),
        ("PATCH", f"/conversations/{made}", {"name": "New"}),
        ("POST", "/conversations", {"kind": "group", "name": "g", "memberIds": []}),
        ("POST", "/conversations", {"kind": "direct", "userId": ben.user_id}),
        ("PATCH", "/me", {"displayName": "Ann"}),
        ("PUT", f"/conversations/{made}/draft", {"message": "d"}),
        ("PUT", f"/conversations/{made}/mute", {"until": None}),
    ):
        assert mine.json(method, path, json={**body, "colour": "red"})["ignored"] == ["colour"], path
        assert "ignored" not in mine.json(method, path, json=body), path
    assert mine.history(made)["messages"][1]["message"] == "y"


def test_problem_names_what_was_ignored(rest: MakeRest, made: int, ann: Account) -> None:
    with refused("invalid") as caught:
        rest(ann).json("PATCH", f"/conversations/{made}", json={"nmae": "New"})
    assert caught.value.data["ignored"] == ["nmae"]


def test_answer_without_a_body_stays_without_one(rest: MakeRest, made: int, ann: Account) -> None:
    response = rest(ann).request("POST", f"/conversations/{made}/typing", json={"typing": True, "colour": 1})
    assert (response.status_code, response.content) == (204, b"")


def test_fields_of_messages_in_a_batch_are_named(host: HostClient, room: str) -> None:
    message = {"conversation": room, "message": "x"}
    body = {"messages": [message, {**message, "colour": 1}, {"message": "nowhere", "size": 2}], "sort": 3}
    answer = host.answer("POST", "/messages/batch", json=body)
    assert sorted(answer["ignored"]) == ["messages[1].colour", "messages[2].size", "sort"]
    assert [one.get("status") for one in answer["results"]] == ["stored", "stored", 422]


def test_message_of_another_type_in_a_batch_is_refused_alone(host: HostClient, room: str) -> None:
    message = {"conversation": room, "message": "x"}
    results = host.answer("POST", "/messages/batch", json={"messages": [message, 5, None, [], message]})["results"]
    assert [one.get("code", "stored") for one in results] == ["stored", "invalid", "invalid", "invalid", "stored"]


@pytest.fixture
def strict(short_server: Stack, opened: list[Any]) -> tuple[RestClient, WsClient]:
    account = register(short_server.base_url)
    rest, session = RestClient(short_server.base_url, account.access_token), WsClient(short_server.base_url, account)
    opened += [rest, session]
    session.join()
    return rest, session


def test_strict_server_refuses_unknown_fields(strict: tuple[RestClient, WsClient]) -> None:
    rest, session = strict
    me = session.account.user_id
    body = {"receiverId": me, "message": "x", **MORE}
    with refused("invalid") as caught:
        rest.json("POST", "/messages", json=body)
    assert [error["field"] for error in caught.value.data["errors"]] == ["colour", "nested"]
    with refused("invalid") as caught:
        session.command("send_message", body)
    assert [error["field"] for error in caught.value.data["errors"]] == ["colour", "nested"]
    with refused("invalid") as caught:
        rest.json("PATCH", "/me", json={"displayName": "Ann", "colour": 1})
    assert [error["field"] for error in caught.value.data["errors"]] == ["colour"]
    session.send_text('{"event":"ping","data":{},"ref":"f1","colour":1}')
    with refused("invalid"):
        session.answer("f1")
    assert rest.conversations()["conversations"] == [], "nothing was sent"
    assert session.send("x", receiver_id=me)["status"] == "stored"
    assert rest.json("PATCH", "/me", json={"displayName": "Ann"})["displayName"] == "Ann"
