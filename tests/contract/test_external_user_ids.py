"""Clients name people by the ids of the host, wherever they name people."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest, Person
from tests.contract.expect import refused
from tests.support.clients import Account, HostClient


@pytest.fixture
def zoe(host: HostClient) -> Person:
    """A user whose id of the host needs quotes in a query."""
    return _user(host, f'{uuid.uuid4().hex[:8]}, "ü" & 1/2')


def _user(host: HostClient, name: str) -> Person:
    host.put_user(name)
    return name, host.sign_in(name)


def _quoted(name: str) -> str:
    escaped = name.replace('"', '\\"')
    return f'"{escaped}"'


def test_presence_over_rest(connect: Connect, rest: MakeRest, host: HostClient, ann: Account, zoe: Person) -> None:
    yan = _user(host, f"yan-{uuid.uuid4().hex[:8]}")
    connect("ws", zoe[1])
    given = f"{ann.user_id},{yan[0]},{_quoted(zoe[0])},nobody"
    shown = rest(ann).json("GET", "/presence", params={"userIds": given})["presence"]
    assert [(one["userId"], one.get("externalId"), one["status"]) for one in shown] == [
        (ann.user_id, None, "offline"),
        (yan[1].user_id, yan[0], "offline"),
        (zoe[1].user_id, zoe[0], "online"),
    ]


def test_presence_names_the_field_of_bad_ids(rest: MakeRest, ann: Account) -> None:
    for bad in ("", ",", "1,,2", '"a'):
        with refused("invalid") as caught:
            rest(ann).json("GET", "/presence", params={"userIds": bad})
        assert caught.value.data["errors"][0]["field"] == "userIds"


def test_users_by_ids(rest: MakeRest, ann: Account, zoe: Person) -> None:
    given = f"{_quoted(zoe[0])},{ann.user_id},nobody,{zoe[1].user_id}"
    found = rest(ann).json("GET", "/users", params={"ids": given})["users"]
    assert [user["id"] for user in found] == [zoe[1].user_id, ann.user_id]


def test_group_with_members_and_their_removal(rest: MakeRest, host: HostClient, ann: Account, zoe: Person) -> None:
    yan = _user(host, f"yan-{uuid.uuid4().hex[:8]}")

    def members(view: dict[str, Any]) -> set[int]:
        return {member["userId"] for member in view["members"]}

    body = {"kind": "group", "name": "Room", "memberIds": [zoe[0], yan[1].user_id]}
    made = rest(ann).json("POST", "/conversations", json=body)
    assert members(made) == {ann.user_id, zoe[1].user_id, yan[1].user_id}
    path = f"/conversations/{made['id']}/members"
    assert members(rest(ann).json("DELETE", path, params={"userId": _quoted(zoe[0])})) == {ann.user_id, yan[1].user_id}
    left = rest(ann).json("DELETE", path, params={"userIds": f"{yan[0]},{zoe[1].user_id}"})
    assert members(left) == {ann.user_id}
    assert members(rest(ann).json("POST", path, json={"userId": zoe[0]})) == {ann.user_id, zoe[1].user_id}
    with refused("not_found"):
        rest(ann).json("POST", "/conversations", json={**body, "memberIds": ["nobody"]})


def test_commands_and_bodies_name_users_by_external_id(
    rest: MakeRest, connect: Connect, zoe: Person, yan: Person, ann: Account
) -> None:
    sender, receiver = connect("ws", zoe[1]), connect("ws", yan[1])
    ack = sender.command("send_message", {"receiverId": yan[0], "message": "by frame"})
    said = receiver.next_event("receive_message").data
    assert (said["message"], said["receiverId"]) == ("by frame", yan[1].user_id)
    again = rest(zoe[1]).json("POST", "/messages", json={"receiverId": yan[0], "message": "by REST"})
    assert again["conversationId"] == ack.data["conversationId"]
    opened = rest(zoe[1]).json("POST", "/conversations", json={"kind": "direct", "userId": yan[0]})
    assert opened["id"] == ack.data["conversationId"]
    sender.command_nowait("typing", {"receiverId": yan[0], "typing": True})
    assert receiver.next_event("typing").data["userId"] == zoe[1].user_id
    answer = sender.command("presence_subscribe", {"userIds": [yan[0], "nobody", ann.user_id]})
    shown = [e.data for e in [*sender.events, answer] if e.name == "presence"]
    assert {(view["userId"], view.get("externalId")) for view in shown} == {
        (yan[1].user_id, yan[0]),
        (ann.user_id, None),
    }
    group = rest(zoe[1]).group(members=[])["id"]
    added = rest(zoe[1]).json("POST", f"/conversations/{group}/members", json={"userIds": [yan[0]]})
    assert added["memberCount"] == 2
    removed = rest(zoe[1]).json("DELETE", f"/conversations/{group}/members", json={"userIds": [yan[0]]})
    assert removed["memberCount"] == 1
    for act in (
        lambda: rest(zoe[1]).json("POST", "/messages", json={"receiverId": "nobody", "message": "x"}),
        lambda: rest(zoe[1]).json("POST", f"/conversations/{group}/members", json={"userIds": ["nobody"]}),
        lambda: rest(zoe[1]).json("POST", "/conversations", json={"kind": "direct", "userId": "nobody"}),
        lambda: sender.command("send_message", {"receiverId": "nobody", "message": "x"}),
        lambda: sender.command("send_message", {"receiverId": "no\u0000body", "message": "x"}),
    ):
        with refused("not_found"):
            act()
