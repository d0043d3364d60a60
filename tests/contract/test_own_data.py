"""A user's own data: exporting it as a file, and deleting the account."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest, MakeUser
from tests.contract.expect import eventually, finished_export, refused
from tests.support.clients import Account, EventClient, Refused


def test_export_contains_only_ones_own_data(
    rest: MakeRest, ann: Account, ben: Account, eve: Account, group: MakeGroup
) -> None:
    club = group(ben, ann, name="Club")
    for sender in (ann, ben):
        rest(sender).send(conversation_id=club, message=f"by {sender.user_id} ☕")
    hidden, kept = (rest(ben).send(receiver_id=ann.user_id, message=text) for text in ("hide me", "keep me"))
    secret = rest(ben).send(receiver_id=eve.user_id, message="not yours")
    rest(ann).delete(hidden["id"], scope="me")
    rest(ann).request("PUT", f"/blocks/{eve.user_id}")
    done, lines = finished_export(rest(ann))
    assert done["expiresAt"] > done["finishedAt"] >= done["createdAt"]
    assert lines[0]["type"] == "profile"
    assert (lines[0]["id"], lines[0]["username"]) == (ann.user_id, ann.username)
    assert "password" not in json.dumps(lines).lower()
    assert [line["userId"] for line in lines if line["type"] == "block"] == [eve.user_id]
    conversations = {line["id"] for line in lines if line["type"] == "conversation"}
    assert conversations == {club, kept["conversationId"]}
    texts = [line["message"] for line in lines if line["type"] == "message" and line["kind"] != "system"]
    assert sorted(texts) == sorted([f"by {ann.user_id} ☕", f"by {ben.user_id} ☕", "keep me"])
    assert secret["id"] not in json.dumps(lines)


def test_export_is_available_only_to_its_owner(rest: MakeRest, ann: Account, ben: Account) -> None:
    done, _ = finished_export(rest(ann))
    for path in (f"/me/exports/{done['exportId']}", f"/me/exports/{done['exportId']}/file"):
        with refused("not_found"):
            rest(ben).request("GET", path)
        with refused("unauthorized"):
            rest().request("GET", path)
    for export_id in (uuid.uuid4(), "no-uuid"):
        with refused("not_found"):
            rest(ann).request("GET", f"/me/exports/{export_id}")


# -- deleting --------------------


def delete_me(rest: Any, account: Account) -> dict[str, Any]:
    body: dict[str, Any] = rest.request("DELETE", "/me", json={"password": account.password}).json()
    return body


@pytest.mark.parametrize("transport", ["ws", "sse", "poll"])
def test_deleted_account_is_signed_out_everywhere(
    connect: Connect, rest: MakeRest, ann: Account, transport: str
) -> None:
    session = connect(transport, ann)
    assert delete_me(rest(ann), ann) == {"status": "accepted"}
    if transport == "ws":
        assert session.wait_closed(30) == 4401
    for again in (lambda: rest(ann).json("GET", "/me"), lambda: rest().login(ann.username, ann.password)):
        with refused("unauthorized"):
            again()
    with refused("unauthorized"):
        rest().refresh(ann.refresh_token)


def test_deleting_an_account_requires_the_password(rest: MakeRest, ann: Account) -> None:
    with refused("forbidden"):
        rest(ann).request("DELETE", "/me", json={"password": "wrong password"})
    with refused("invalid"):
        rest(ann).request("DELETE", "/me")
    assert rest(ann).json("GET", "/me")["id"] == ann.user_id


def test_name_of_a_deleted_account_is_free_and_search_does_not_find_it(
    rest: MakeRest, user: MakeUser, ann: Account, ben: Account
) -> None:
    delete_me(rest(ann), ann)
    assert rest(ben).json("GET", "/users", params={"q": ann.username})["users"] == []
    nobody = {"userId": ann.user_id, "status": "offline", "lastSeen": None}
    assert rest(ben).presence([ann.user_id]) == {ann.user_id: nobody}
    successor = user(username=ann.username)
    assert successor.user_id != ann.user_id
    assert [u["id"] for u in rest(ben).json("GET", "/users", params={"q": ann.username})["users"]] == [
        successor.user_id
    ]
    with refused("invalid"):
        user(username=f"deleted-{ann.user_id}")


def test_messages_of_a_deleted_account_stay_and_its_groups_are_left(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account, group: MakeGroup
) -> None:
    mine, theirs = group(ann, ben, eve), group(ben, ann)
    sent = rest(ann).send(receiver_id=ben.user_id, message="remember me")
    watcher = connect("ws", ben)
    delete_me(rest(ann), ann)
    event = watcher.next_event(
        lambda e: e.name == "receive_message" and e.data["conversationId"] == theirs and e.data["kind"] == "system", 15
    )
    assert event.data["system"] == {"type": "left"}
    for club in (mine, theirs):
        members = eventually(
            lambda club=club: _without(rest(ben), club, ann.user_id), "the group to lose the deleted member", 15
        )
        assert "owner" in {member["role"] for member in members}  # a new owner is appointed if the last one left
    [kept] = rest(ben).history(sent["conversationId"])["messages"]
    assert (kept["message"], kept["senderId"]) == ("remember me", ann.user_id)


def _without(rest: Any, conversation_id: int, user_id: int) -> list[dict[str, Any]] | None:
    members: list[dict[str, Any]] = rest.conversation(conversation_id)["members"]
    return None if user_id in [member["userId"] for member in members] else members


@pytest.mark.parametrize("transport", ["ws", "sse", "poll"])
def test_conversation_with_a_deleted_account_is_read_only(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id, message="remember me")
    client = connect(transport, ben)
    delete_me(rest(ann), ann)
    eventually(lambda: _refusal(client, conversation_id=sent["conversationId"]) == "forbidden", "a refusal", 30)
    # removing a block that never existed does not open the conversation
    rest(ben).request("DELETE", f"/blocks/{ann.user_id}")
    for target in ({"conversation_id": sent["conversationId"]}, {"receiver_id": ann.user_id}):
        assert _refusal(client, **target) == "forbidden"
    assert rest(ben).direct(ann.user_id)["id"] == sent["conversationId"]
    assert rest(ben).history(sent["conversationId"])["messages"][0]["message"] == "remember me"
    assert client.read(sent["conversationId"], sent["seq"])["seq"] == sent["seq"]
    assert _refusal(connect(transport, eve), receiver_id=ann.user_id) == "not_found", (
        "these two never wrote to each other"
    )


def _refusal(client: EventClient, **target: int) -> str | None:
    try:
        client.send("are you there?", **target)
    except Refused as refused:
        return refused.code
    return None
