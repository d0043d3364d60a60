"""Metadata of conversations: the right to set it, and its readers live, on resume, and before it is stored."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, listed, refused
from tests.contract.expect_groups import history, is_now
from tests.contract.test_accepted import frozen_worker
from tests.support.clients import Account, HostClient, RestClient

__all__ = ["frozen_worker"]

ORDER = {"order": {"id": "A-17", "total": 12.5}, "tags": ["b", "a"]}
CHANGED = {"order": {"id": "A-17", "shipped": True}}


@pytest.fixture
def made(rest: MakeRest, ann: Account, ben: Account) -> int:
    return int(rest(ann).group(members=[ben.user_id], metadata=ORDER)["id"])


def patch(rest: RestClient, conversation_id: int, **body: Any) -> dict[str, Any]:
    return rest.json("PATCH", f"/conversations/{conversation_id}", json=body)


def test_new_group_shows_its_metadata_everywhere(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    for who in (ann, ben):
        assert rest(who).conversation(made)["metadata"] == ORDER
        assert listed(rest(who), made)["metadata"] == ORDER
    plain = rest(ann).group(members=[])["id"]
    for given in ({}, None):
        assert "metadata" not in rest(ann).group(members=[], metadata=given)
    assert "metadata" not in rest(ann).conversation(plain)


def test_change_reaches_every_member(connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    readers = [connect(transport, who) for transport in ALL for who in (ann, ben)]
    for given, now in ((CHANGED, CHANGED), (None, None), (ORDER, ORDER), ({}, None)):
        assert patch(rest(ann), made, metadata=given).get("metadata") == now
        for reader in readers:
            event = reader.next_event(is_now(made))
            assert event.data.get("metadata") == now
            assert event.data["name"], "the rest is there, too"
        assert rest(ben).conversation(made).get("metadata") == now
    systems = [message["system"] for message in history(rest(ann), made)]
    assert [one.get("metadata", "absent") for one in systems] == ["absent", CHANGED, None, ORDER, None]


def test_same_metadata_again_changes_nothing(rest: MakeRest, made: int, ann: Account) -> None:
    reordered = {"tags": ["b", "a"], "order": {"total": 12.5, "id": "A-17"}}
    eventually(lambda: history(rest(ann), made)[0]["status"] != "accepted", "the group is stored")
    assert patch(rest(ann), made, metadata=reordered)["lastSeq"] == 1
    assert patch(rest(ann), made, name="Other")["metadata"] == ORDER, "absent: it stays"


def test_resume_brings_the_present_metadata(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    patch(rest(ann), made, metadata={"a": 1})
    patch(rest(ann), made, metadata=CHANGED)
    away.reconnect()
    away.next_event(is_now(made, metadata=CHANGED))
    away.fence()
    assert [event.data["metadata"] for event in away.named("conversation_updated")][-1] == CHANGED


def test_change_that_is_not_stored_yet_is_shown(
    frozen_worker: Any, connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    response = rest(ann).request("PATCH", f"/conversations/{made}", json={"metadata": CHANGED})
    assert (response.status_code, response.json()["metadata"]) == (202, CHANGED)
    assert rest(ben).conversation(made)["metadata"] == CHANGED
    assert listed(rest(ben), made)["metadata"] == CHANGED
    frozen_worker()
    eventually(lambda: history(rest(ben), made)[-1]["status"] != "accepted", "the change is stored")
    assert rest(ben).conversation(made)["metadata"] == CHANGED


def test_only_owners_change_metadata(rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account) -> None:
    for role in ("member", "admin"):
        rest(ann).json("PATCH", f"/conversations/{made}/members/{ben.user_id}", json={"role": role})
        with refused("forbidden"):
            patch(rest(ben), made, metadata=CHANGED)
    assert patch(rest(ben), made, name="By an admin")["name"] == "By an admin"
    with refused("not_found"):
        patch(rest(eve), made, metadata=CHANGED)
    rest(ann).json("PATCH", f"/conversations/{made}/members/{ben.user_id}", json={"role": "owner"})
    assert patch(rest(ben), made, metadata=CHANGED)["metadata"] == CHANGED


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"a": "x" * 4096}, "too_large"),
        ({"a": {"b": {"c": {"d": {"e": {}}}}}}, "invalid"),
        ({"a": "\x00"}, "invalid"),
        ([], "invalid"),
        ("x", "invalid"),
    ],
    ids=["size", "levels", "nul", "list", "text"],
)
def test_bad_metadata_is_refused(
    rest: MakeRest, host: HostClient, made: int, ann: Account, metadata: Any, code: str
) -> None:
    body = {"kind": "group", "name": "g", "memberIds": [], "metadata": metadata}
    room = f"/conversations/{uuid.uuid4().hex}"
    for act in (
        lambda: rest(ann).json("POST", "/conversations", json=body),
        lambda: patch(rest(ann), made, metadata=metadata),
        lambda: host.call("PUT", room, json={"kind": "group", "name": "g", "metadata": metadata}),
        lambda: host.call("PUT", room, json={"kind": "direct", "members": [], "metadata": metadata}),
    ):
        with refused(code) as caught:
            act()
        if code == "too_large":
            assert caught.value.data["errors"][0]["field"] == "metadata"
    with refused("not_found"):
        host.call("GET", room)
    assert rest(ann).conversation(made)["metadata"] == ORDER


@pytest.mark.parametrize("kind", ["group", "direct"])
def test_host_sets_the_metadata(host: HostClient, rest: MakeRest, kind: str) -> None:
    people = [uuid.uuid4().hex, uuid.uuid4().hex]
    for person in people:
        host.put_user(person)
    member = rest(host.sign_in(people[0]))
    room = f"/conversations/{uuid.uuid4().hex}"
    made = host.answer(
        "PUT",
        room,
        json={"kind": kind, "name": "Order", "members": people, "metadata": ORDER}
        if kind == "group"
        else {"kind": kind, "members": people, "metadata": ORDER},
    )
    assert made["metadata"] == ORDER
    for given, now in ((CHANGED, CHANGED), (None, None), (ORDER, ORDER), ({}, None), (CHANGED, CHANGED)):
        for answer in (
            host.answer("PATCH", room, json={"metadata": given}),
            host.answer("GET", room),
            host.answer("PUT", room, json={}),
            member.conversation(made["id"]),
            listed(member, made["id"]),
        ):
            assert answer.get("metadata") == now
