"""The host's server creates, changes and deletes conversations by its own ids."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest, Person
from tests.contract.expect import eventually, is_time, refused
from tests.contract.test_accepted import frozen
from tests.support.clients import Account, HostClient
from tests.support.processes import Stack


def new_id() -> str:
    return f"room/{uuid.uuid4().hex[:12]}"


def path_of(external_id: str, rest: str = "") -> str:
    return f"/conversations/{quote(external_id, safe='')}{rest}"


@pytest.fixture
def put(host: HostClient) -> Callable[..., dict[str, Any]]:
    def act(external_id: str, **fields: Any) -> dict[str, Any]:
        return host.answer("PUT", path_of(external_id), json=fields)

    return act


Put = Callable[..., dict[str, Any]]


def roles(view: dict[str, Any]) -> dict[str, str]:
    return {member["externalId"]: member["role"] for member in view["members"]}


def test_put_creates_a_group_once_and_then_changes_it(host: HostClient, zoe: Person, yan: Person) -> None:
    id_ = new_id()
    members = [zoe[0], {"user": yan[1].user_id, "role": "admin"}]
    fields = {"kind": "group", "name": "Room", "members": members, "description": "All", "history": "joined"}
    made = host.call("PUT", path_of(id_), json=fields)
    assert made.status_code == 201
    view = made.json()
    assert (view["externalId"], view["kind"], view["name"], view["memberCount"]) == (id_, "group", "Room", 2)
    assert (view["description"], view["history"]) == ("All", "joined")
    assert roles(view) == {zoe[0]: "member", yan[0]: "admin"}
    assert is_time(view["createdAt"])
    assert is_time(view["updatedAt"])
    again = host.call("PUT", path_of(id_), json=fields)
    assert (again.status_code, again.json()) == (200, view)
    changed = host.answer("PATCH", path_of(id_), json={"name": "Hall", "description": None})
    assert (changed["name"], changed["history"], changed["memberCount"]) == ("Hall", "joined", 2)
    assert "description" not in changed
    assert host.answer("GET", path_of(id_)) == changed


def test_simultaneous_puts_create_one_group(host: HostClient, zoe: Person) -> None:
    id_, fields = new_id(), {"kind": "group", "name": "Room", "members": [zoe[0]]}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: host.call("PUT", path_of(id_), json=fields), range(12)))
    assert [answer.status_code for answer in answers].count(201) == 1
    assert {answer.status_code for answer in answers} == {200, 201}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_members_see_the_group_with_its_external_id(
    rest: MakeRest, zoe: Person, yan: Person, put: Put, ann: Account
) -> None:
    id_ = new_id()
    made = put(id_, kind="group", name="Room", members=[zoe[0], yan[0]])
    for person in (zoe, yan):
        assert rest(person[1]).conversation(made["id"])["externalId"] == id_
        [listed] = rest(person[1]).conversations()["conversations"]
        assert (listed["id"], listed["externalId"]) == (made["id"], id_)
        assert rest(person[1]).conversations(externalId=id_)["conversations"][0]["id"] == made["id"]
    assert rest(ann).conversations(externalId=id_)["conversations"] == []
    assert rest(zoe[1]).conversations(externalId="nowhere")["conversations"] == []
    with refused("not_found"):
        rest(ann).conversation(made["id"])


@pytest.mark.parametrize("transport", ALL)
def test_members_get_changes_of_the_host_live(
    connect: Connect, host: HostClient, zoe: Person, yan: Person, put: Put, transport: str
) -> None:
    client = connect(transport, zoe[1])
    id_ = new_id()
    made = put(id_, kind="group", name="Room", members=[zoe[0]])
    now = client.next_event("conversation_updated").data
    assert (now["id"], now["externalId"], now["name"]) == (made["id"], id_, "Room")
    host.call("POST", path_of(id_, "/members"), json={"members": [{"user": yan[0], "role": "owner"}]})
    said = [client.next_event("receive_message").data for _ in range(3)]
    assert [(m["kind"], m["senderId"], m["system"]) for m in said] == [
        ("system", None, {"type": "created"}),
        ("system", None, {"type": "added", "userIds": [yan[1].user_id]}),
        ("system", None, {"type": "role", "userId": yan[1].user_id, "role": "owner"}),
    ]
    left = host.answer("DELETE", path_of(id_, f"/members/{zoe[0]}"))
    assert roles(left) == {yan[0]: "owner"}
    gone = client.next_event(lambda e: e.name == "conversation_updated" and bool(e.data.get("left")))
    assert gone.data["id"] == made["id"]


def test_resumed_session_gets_the_changes_of_the_host(
    connect: Connect, host: HostClient, zoe: Person, yan: Person, put: Put
) -> None:
    id_ = new_id()
    made = put(id_, kind="group", name="Room", members=[zoe[0]])
    first = connect("ws", zoe[1])
    cursor = first.joined.data["cursor"]
    first.finish()
    put(id_, name="Hall", readOnly=True, members=[yan[0]])
    again = connect("ws", zoe[1], cursor)
    now = again.next_event("conversation_updated").data
    assert (now["id"], now["name"], now["readOnly"], now["externalId"]) == (made["id"], "Hall", True, id_)
    assert now["memberCount"] == 2


def test_members_are_added_and_never_removed_by_put(host: HostClient, zoe: Person, yan: Person, put: Put) -> None:
    id_ = new_id()
    put(id_, kind="group", name="Room", members=[{"user": zoe[0], "role": "owner"}])
    assert roles(put(id_, members=[yan[0]])) == {zoe[0]: "owner", yan[0]: "member"}
    assert roles(put(id_, members=[{"user": zoe[0], "role": "member"}])) == {zoe[0]: "member", yan[0]: "member"}
    assert roles(host.answer("DELETE", path_of(id_, f"/members/{yan[0]}"))) == {zoe[0]: "member"}
    assert roles(host.answer("DELETE", path_of(id_, f"/members/{yan[0]}"))) == {zoe[0]: "member"}
    assert host.answer("DELETE", path_of(id_, f"/members/{zoe[0]}"))["memberCount"] == 0


def test_host_adds_those_who_left_and_those_who_allow_nobody(
    host: HostClient, rest: MakeRest, zoe: Person, put: Put
) -> None:
    id_ = new_id()
    made = put(id_, kind="group", name="Room", members=[zoe[0]])
    rest(zoe[1]).json("PATCH", "/me", json={"mayAddMe": "nobody"})
    rest(zoe[1]).request("POST", f"/conversations/{made['id']}/leave")
    assert roles(put(id_, members=[zoe[0]])) == {zoe[0]: "member"}
    assert rest(zoe[1]).conversation(made["id"])["externalId"] == id_


def test_only_leaders_write_in_a_read_only_group(
    host: HostClient, rest: MakeRest, zoe: Person, yan: Person, put: Put
) -> None:
    id_ = new_id()
    made = put(id_, kind="group", name="News", readOnly=True, members=[zoe[0], {"user": yan[0], "role": "admin"}])
    assert made["readOnly"] is True
    assert rest(zoe[1]).conversation(made["id"])["readOnly"] is True
    with refused("forbidden"):
        rest(zoe[1]).send(conversation_id=made["id"], message="me too")
    assert rest(yan[1]).send(conversation_id=made["id"], message="news")["status"] == "stored"
    opened = host.answer("PATCH", path_of(id_), json={"readOnly": False})
    assert "readOnly" not in opened
    sent = str(uuid.uuid4())
    assert rest(zoe[1]).send(conversation_id=made["id"], message="thanks", id=sent)["status"] == "stored"
    host.answer("PATCH", path_of(id_), json={"readOnly": True})
    assert rest(zoe[1]).send(conversation_id=made["id"], message="thanks", id=sent)["status"] == "stored"  # a retry
    with refused("forbidden"):
        rest(zoe[1]).send(conversation_id=made["id"], message="and more")


def test_direct_conversation_gets_an_external_id(
    host: HostClient, rest: MakeRest, zoe: Person, yan: Person, put: Put
) -> None:
    known = rest(zoe[1]).direct(yan[1].user_id)["id"]
    id_ = new_id()
    made = host.call("PUT", path_of(id_), json={"kind": "direct", "members": [yan[0], zoe[1].user_id]})
    assert (made.status_code, made.json()["id"], made.json()["memberCount"]) == (201, known, 2)
    assert host.call("PUT", path_of(id_), json={"members": [zoe[0], yan[0]]}).status_code == 200
    assert rest(yan[1]).conversation(known)["externalId"] == id_
    assert rest(yan[1]).conversations(externalId=id_)["conversations"][0]["id"] == known
    with refused("conflict"):
        put(new_id(), kind="direct", members=[zoe[0], yan[0]])
    with refused("conflict"):
        put(id_, kind="group")
    for method, path in (("POST", "/members"), ("DELETE", f"/members/{zoe[0]}")):
        with refused("conflict"):
            host.call(method, path_of(id_, path), **({"json": {"members": [zoe[0]]}} if method == "POST" else {}))


def test_direct_conversation_of_the_host_is_not_held_back(rest: MakeRest, zoe: Person, yan: Person, put: Put) -> None:
    rest(yan[1]).json("PATCH", "/me", json={"mayWriteToMe": "nobody"})
    made = put(new_id(), kind="direct", members=[zoe[0], yan[0]])
    rest(zoe[1]).send(conversation_id=made["id"], message="hello")
    assert rest(yan[1]).conversation(made["id"])["lastMessage"]["message"] == "hello"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({}, "invalid", "kind"),
        ({"kind": "channel"}, "invalid", "kind"),
        ({"kind": "group", "name": ""}, "invalid", "name"),
        ({"kind": "group", "name": "\u200b"}, "invalid", "name"),
        ({"kind": "group", "history": "none"}, "invalid", "history"),
        ({"kind": "group", "readOnly": 1}, "invalid", "readOnly"),
        ({"kind": "group", "members": [{"user": "ZOE", "role": "king"}]}, "invalid", "members[0].role"),
        ({"kind": "group", "members": ["ZOE", "nobody"]}, "not_found", "members[1]"),
        ({"kind": "group", "members": ["ZOE", 999_999_999]}, "not_found", "members[1]"),
        ({"kind": "group", "members": ["a\nb"]}, "invalid", "members[0]"),
        ({"kind": "group", "avatarUrl": f"/api/v1/avatars/{uuid.uuid4()}"}, "invalid", "avatarUrl"),
        ({"kind": "direct", "members": ["ZOE"]}, "invalid", "members"),
        ({"kind": "direct", "members": ["ZOE", "ZOE"]}, "invalid", "members"),
        ({"kind": "direct", "members": ["ZOE", "YAN", "YAN"], "name": "x"}, "invalid", "name"),
        ({"kind": "direct", "members": ["ZOE", {"user": "YAN", "role": "owner"}]}, "invalid", "members"),
    ],
)
def test_bad_conversations_are_refused(
    host: HostClient, zoe: Person, yan: Person, fields: dict[str, Any], code: str, field: str
) -> None:
    named = {"ZOE": zoe[0], "YAN": yan[0]}

    def real(member: Any) -> Any:
        return {**member, "user": named[member["user"]]} if isinstance(member, dict) else named.get(member, member)

    if "members" in fields:
        fields = {**fields, "members": [real(member) for member in fields["members"]]}
    id_ = new_id()
    with refused(code) as caught:
        host.call("PUT", path_of(id_), json=fields)
    assert caught.value.data["errors"][0]["field"] == field
    with refused("not_found"):
        host.call("GET", path_of(id_))


def test_unknown_conversation_is_not_found(host: HostClient, zoe: Person) -> None:
    path = path_of(new_id())
    for method, more, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/members", {"members": [zoe[0]]}),
        ("DELETE", f"/members/{zoe[0]}", None),
    ):
        with refused("not_found"):
            host.call(method, path + more, **({} if body is None else {"json": body}))
    with refused("invalid"):
        host.call("GET", path_of("a\nb"))


def test_deleted_group_disappears_and_is_erased(
    host: HostClient,
    rest: MakeRest,
    connect: Connect,
    zoe: Person,
    yan: Person,
    put: Put,
    rows: Callable[[int], list[tuple[Any, ...]]],
) -> None:
    id_ = new_id()
    made = put(id_, kind="group", name="Room", members=[zoe[0], yan[0]])
    for n in range(3):
        rest(zoe[1]).send(conversation_id=made["id"], message=f"secret {n}")
    client = connect("ws", zoe[1])
    assert host.call("DELETE", path_of(id_)).status_code == 202
    client.next_event(lambda e: e.name == "conversation_updated" and bool(e.data.get("left")))
    for person in (zoe, yan):
        assert rest(person[1]).conversations()["conversations"] == []
        with refused("not_found"):
            rest(person[1]).history(made["id"])
    with refused("not_found"):
        host.call("GET", path_of(id_))
    eventually(lambda: not any(text for *_, text in rows(made["id"])), "the erasure")
    assert put(id_, kind="group", name="New")["id"] != made["id"]


def test_deleted_direct_conversation_is_cleared_for_both(
    host: HostClient,
    rest: MakeRest,
    zoe: Person,
    yan: Person,
    put: Put,
    rows: Callable[[int], list[tuple[Any, ...]]],
) -> None:
    id_ = new_id()
    made = put(id_, kind="direct", members=[zoe[0], yan[0]])
    rest(zoe[1]).send(conversation_id=made["id"], message="secret")
    assert host.call("DELETE", path_of(id_)).status_code == 202
    for person in (zoe, yan):
        assert rest(person[1]).conversations()["conversations"] == []
        assert rest(person[1]).history(made["id"])["messages"] == []
    eventually(lambda: not any(text for *_, text in rows(made["id"])), "the erasure")
    rest(zoe[1]).send(receiver_id=yan[1].user_id, message="again")
    [back] = rest(yan[1]).conversations()["conversations"]
    assert back["lastMessage"]["message"] == "again"
    assert "externalId" not in back


def test_message_that_is_not_stored_yet_is_erased_with_its_direct_conversation(
    host: HostClient,
    rest: MakeRest,
    server: Stack,
    zoe: Person,
    yan: Person,
    put: Put,
    rows: Callable[[int], list[tuple[Any, ...]]],
) -> None:
    id_ = new_id()
    made = put(id_, kind="direct", members=[zoe[0], yan[0]])
    with frozen(server):
        assert rest(zoe[1]).send(conversation_id=made["id"], message="secret")["status"] == "accepted"
        assert host.call("DELETE", path_of(id_)).status_code == 202
    eventually(lambda: rows(made["id"]), "the message in Postgres")
    eventually(lambda: not any(text for *_, text in rows(made["id"])), "the erasure")
