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
