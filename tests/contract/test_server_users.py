"""The host's server creates, changes and shows users by its own ids."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, is_time, refused
from tests.support.clients import Account, HostClient
from tests.support.clients.host import user_path


def new_id() -> str:
    return f"ext-{uuid.uuid4().hex[:12]}"


def test_put_creates_once_and_then_changes_the_given_fields(host: HostClient) -> None:
    id_ = new_id()
    name = f"n{uuid.uuid4().hex[:12]}"
    fields = {"displayName": "Zoë", "username": name, "email": "zoe@x.example", "locale": "de-at"}
    first = host.call("PUT", user_path(id_), json=fields)
    assert first.status_code == 201
    user = first.json()
    assert is_time(user.pop("createdAt"))
    assert {key: user[key] for key in user if key != "id"} == {
        "externalId": id_,
        "username": name,
        "displayName": "Zoë",
        "email": "zoe@x.example",
        "locale": "de-AT",
    }
    again = host.call("PUT", user_path(id_), json={"displayName": "Zoe", "email": None})
    assert again.status_code == 200
    assert again.json()["id"] == user["id"]
    assert host.call("PUT", user_path(id_)).json() == again.json()  # no body: nothing changes
    shown = host.answer("GET", user_path(id_))
    assert (shown["displayName"], shown["locale"], shown["username"]) == ("Zoe", "de-AT", name)
    assert "email" not in shown


def test_user_without_names_gets_some(host: HostClient) -> None:
    id_ = new_id()
    user = host.put_user(id_)
    assert user["displayName"] == id_
    assert user["username"].startswith("h-")
    named = host.put_user(new_id(), username=(name := f"n{uuid.uuid4().hex[:12]}"))
    assert named["displayName"] == name


@pytest.mark.parametrize(
    "tail", ["/slash/", "50%", "a b", "ü-ñ-字", "?q=1&x", "#", "a+b", "%2F", "..", "😀", "x" * 100, '"quoted"']
)
def test_any_printable_external_id_works_in_paths(host: HostClient, tail: str) -> None:
    id_ = f"{uuid.uuid4().hex[:8]}{tail}"
    assert host.put_user(id_)["externalId"] == id_
    assert host.answer("GET", user_path(id_))["externalId"] == id_
    assert host.sign_in(id_).access_token


@pytest.mark.parametrize("id_", ["a\nb", "a\x00", "x" * 129, "\u200b", "a\u2028"])
def test_other_external_ids_are_invalid(host: HostClient, id_: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        with refused("invalid") as caught:
            host.call(method, user_path(id_), **({"json": {}} if method == "PUT" else {}))
        assert caught.value.data["errors"][0]["field"] == "externalId"
    with refused("invalid") as caught:
        host.call("POST", "/users", json={"users": [{"externalId": id_}]})
    assert caught.value.data["errors"][0]["field"] == "users[0].externalId"


def test_path_that_is_not_utf8_is_invalid(host: HostClient) -> None:
    with refused("invalid"):
        host.call("GET", "/users/%FF%FE")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"displayName": ""}, "displayName"),
        ({"displayName": "\u200b"}, "displayName"),
        ({"displayName": "x" * 81}, "displayName"),
        ({"displayName": None}, "displayName"),
        ({"username": "no spaces"}, "username"),
        ({"username": "admin"}, "username"),
        ({"username": "deleted-1"}, "username"),
        ({"email": "nowhere"}, "email"),
        ({"locale": "xx-klingon-nowhere"}, "locale"),
        ({"avatarUrl": "http://x.example/a.png"}, "avatarUrl"),
        ({"avatarUrl": f"/api/v1/avatars/{uuid.uuid4()}"}, "avatarUrl"),
    ],
)
def test_bad_fields_are_invalid_and_write_nothing(host: HostClient, fields: dict[str, Any], field: str) -> None:
    id_, other = new_id(), new_id()
    with refused("invalid") as caught:
        host.put_user(id_, **fields)
    assert caught.value.data["errors"][0]["field"] == field
    with refused("invalid") as caught:
        host.call("POST", "/users", json={"users": [{"externalId": other}, {"externalId": id_, **fields}]})
    assert caught.value.data["errors"][0]["field"] == f"users[1].{field}"
    for nobody in (id_, other):
        with refused("not_found"):
            host.call("GET", user_path(nobody))


def test_taken_username_is_a_conflict(host: HostClient, ann: Account) -> None:
    id_ = new_id()
    with refused("conflict") as caught:
        host.put_user(id_, username=ann.username.upper())
    assert caught.value.data["errors"] == [{"field": "username", "message": "This username is taken."}]
    host.put_user(id_)
    with refused("conflict"):
        host.put_user(id_, username=ann.username)
    with refused("conflict") as caught:
        host.call(
            "POST", "/users", json={"users": [{"externalId": new_id()}, {"externalId": id_, "username": ann.username}]}
        )
    assert caught.value.data["errors"][0]["field"] == "users[1].username"


def test_simultaneous_puts_create_one_user(host: HostClient) -> None:
    id_ = new_id()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: host.call("PUT", user_path(id_), json={"displayName": f"n{n}"}), range(16)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_simultaneous_batches_in_other_orders_are_all_written(host: HostClient) -> None:
    users = [{"externalId": new_id(), "displayName": "x"} for _ in range(40)]
    orders = [users, users[::-1], users[20:] + users[:20], users[::2] + users[1::2]]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda order: host.answer("POST", "/users", json={"users": order}), orders))
    for order, answer in zip(orders, answers, strict=True):
        assert [user["externalId"] for user in answer["users"]] == [user["externalId"] for user in order]
    assert len({user["id"] for answer in answers for user in answer["users"]}) == 40


def test_a_thousand_users_are_written_at_once_and_no_more(host: HostClient) -> None:
    # More bytes than a body may have elsewhere.
    padding = {"avatarUrl": None, "email": f"{'m' * 60}@{'x' * 60}.example", "locale": "en", "displayName": "N" * 80}
    users = [{"externalId": f"{new_id()}-{'p' * 60}", **padding} for _ in range(1000)]
    made = host.answer("POST", "/users", json={"users": users})["users"]
    assert len({user["id"] for user in made}) == 1000
    again = host.answer("POST", "/users", json={"users": users})["users"]
    assert [user["id"] for user in again] == [user["id"] for user in made]
    with refused("invalid"):
        host.call("POST", "/users", json={"users": [*users, {"externalId": new_id()}]})
    with refused("invalid") as caught:
        host.call("POST", "/users", json={"users": [users[0], users[1], users[0]]})
    assert caught.value.data["errors"][0]["field"] == "users[2].externalId"
    assert host.answer("POST", "/users", json={"users": []}) == {"users": []}


def test_clients_see_the_external_id(host: HostClient, rest: MakeRest, ann: Account) -> None:
    id_, zoe = host.new_account(displayName=f"Zoe{uuid.uuid4().hex[:8]}")
    assert rest(zoe).json("GET", "/me")["externalId"] == id_
    [found] = rest(ann).json("GET", "/users", params={"ids": str(zoe.user_id)})["users"]
    assert found["externalId"] == id_
    [found] = rest(ann).json("GET", "/users", params={"ids": str(ann.user_id)})["users"]
    assert "externalId" not in found


@pytest.mark.parametrize("transport", ALL)
def test_change_reaches_those_who_know_the_user(
    host: HostClient, connect: Connect, rest: MakeRest, ann: Account, transport: str
) -> None:
    id_, zoe = host.new_account(displayName="Zoe")
    rest(zoe).send(receiver_id=ann.user_id, message="hello")
    client = connect(transport, ann)
    host.put_user(id_, displayName="Zoe Anew")
    event = client.next_event("user_updated")
    assert (event.data["userId"], event.data["displayName"], event.data["externalId"]) == (zoe.user_id, "Zoe Anew", id_)


def test_repeated_put_announces_nothing(host: HostClient, connect: Connect, rest: MakeRest, ann: Account) -> None:
    id_, zoe = host.new_account(displayName="Zoe")
    rest(zoe).send(receiver_id=ann.user_id, message="hello")
    client = connect("ws", ann)
    host.put_user(id_, displayName="Zoe")
    host.put_user(id_, displayName="Zoe the second")
    assert client.next_event("user_updated").data["displayName"] == "Zoe the second"
    assert [e.data["displayName"] for e in client.events if e.name == "user_updated"] == ["Zoe the second"]


@pytest.mark.parametrize(("wanted", "text"), [("keep", "hello"), ("erase", None)])
def test_deletion_keeps_or_erases_messages(
    host: HostClient, rest: MakeRest, ann: Account, wanted: str, text: str | None
) -> None:
    id_, zoe = host.new_account(displayName="Zoe")
    conversation = rest(zoe).send(receiver_id=ann.user_id, message="hello")["conversationId"]
    assert host.call("DELETE", user_path(id_), params={"messages": wanted}).status_code == 202
    with refused("not_found"):
        host.call("GET", user_path(id_))
    with refused("unauthorized"):
        rest(zoe).json("GET", "/me")

    def last() -> bool:
        [message] = rest(ann).history(conversation)["messages"]
        return bool(message.get("message") == text)

    if wanted == "erase":
        eventually(last, "the erased message")
    assert last()
    assert host.put_user(id_, displayName="Another Zoe")["id"] != zoe.user_id


def test_unknown_user_is_not_found(host: HostClient) -> None:
    path = user_path(new_id())
    for method, rest_of_path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/tokens"),
        ("POST", "/sessions/end"),
        ("PUT", "/suspension"),
        ("DELETE", "/suspension"),
    ):
        with refused("not_found"):
            host.call(method, path + rest_of_path)
    with refused("invalid"):
        host.call("DELETE", path, params={"messages": "burn"})


def test_metadata_of_a_user_reaches_everybody_who_sees_them(
    host: HostClient, connect: Connect, rest: MakeRest, ann: Account
) -> None:
    id_, plan = new_id(), {"plan": {"name": "gold", "seats": 3, "number": 2**80}}
    assert host.put_user(id_, metadata=plan)["metadata"] == plan
    user = host.sign_in(id_)
    assert user.user_id
    pair = rest(ann).send(receiver_id=user.user_id)["conversationId"]
    assert pair
    readers = [connect(transport, ann) for transport in ALL]
    assert rest(user).json("GET", "/me")["metadata"] == plan
    [shown] = rest(ann).json("GET", "/users", params={"ids": user.user_id})["users"]
    assert shown["metadata"] == plan
    for given, now in (({"plan": "silver"}, {"plan": "silver"}), (None, None), (plan, plan), ({}, None)):
        changed = host.put_user(id_, metadata=given)
        assert changed.get("metadata") == now
        assert host.put_user(id_)["id"] == user.user_id, "absent: it stays"
        assert host.answer("GET", user_path(id_)).get("metadata") == now
        for reader in readers:
            reader.next_event(
                lambda e, now=now: (
                    e.name == "user_updated" and e.data["userId"] == user.user_id and e.data.get("metadata") == now
                )
            )
    [shown] = host.answer("POST", "/users", json={"users": [{"externalId": id_, "metadata": plan}]})["users"]
    assert shown["metadata"] == plan


def test_bad_metadata_of_a_user_is_refused(host: HostClient) -> None:
    id_ = new_id()
    too_deep: dict[str, Any] = {"a": {"b": {"c": {"d": {"e": {}}}}}}
    for metadata, code in (
        ({"a": "x" * 4096}, "too_large"),
        (too_deep, "invalid"),
        ([], "invalid"),
        ({"a": "\x00"}, "invalid"),
    ):
        with refused(code) as caught:
            host.call("PUT", user_path(id_), json={"metadata": metadata})
        assert caught.value.data["errors"][0]["field"].split(".")[0] == "metadata"
        with refused(code) as caught:
            host.call("POST", "/users", json={"users": [{"externalId": id_, "metadata": metadata}]})
        assert caught.value.data["errors"][0]["field"].startswith("users[0].metadata")
    with refused("not_found"):
        host.call("GET", user_path(id_))
