"""The host's server imports users, conversations and messages with their dates."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.server_keys import Scope
from app.services.auth.server_keys import create_key
from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import refused, wait_for_seq
from tests.support.clients import Account, HostClient
from tests.support.imports import Line, at, begin, ended, group, history, imported, message, new_id, user
from tests.support.processes import Stack

Rows = Callable[[int], list[tuple[Any, ...]]]


def test_import_makes_users_conversations_and_messages_with_dates(host: HostClient, rest: MakeRest) -> None:
    ann, ben, room = new_id("ann"), new_id("ben"), new_id("room")
    found = imported(
        host,
        [
            user(ann, displayName="Ann", email="ann@x.example", locale="de", metadata={"a": 1}),
            user(ben),
            group(room, ann, ben, name="Old room", description="From before", metadata={"b": 2}),
            message(room, ben, "second", 2, metadata={"n": 1}),
            message(room, ann, "first", 1),
            message(room, None, "third, by nobody", 3.25),
            message(None, ben, "only to you", 4, recipient=ann),
        ],
    )
    assert found["errors"] == []
    assert host.answer("GET", f"/users/{ann}")["metadata"] == {"a": 1}
    assert "metadata" not in host.answer("GET", f"/users/{ben}")
    shown_room = host.answer("GET", f"/conversations/{room}")
    assert (shown_room["metadata"], shown_room["description"]) == ({"b": 2}, "From before")
    account = host.sign_in(ann)
    client = rest(account)
    assert client.json("GET", "/me")["displayName"] == "Ann"
    listed = client.json("GET", "/conversations")["conversations"]
    assert [one.get("externalId") for one in listed] == [None, room]
    assert [one["unread"] for one in listed] == [0, 0]
    assert [one["updatedAt"] for one in listed] == [at(4), at(3.25)]
    shown = history(client, listed[1]["id"])
    ids = {one["externalId"]: one["userId"] for one in host.answer("GET", f"/conversations/{room}")["members"]}
    assert [(m["seq"], m["message"], m["senderId"], m["sentAt"], m["kind"]) for m in shown] == [
        (1, "first", ids[ann], at(1), "text"),
        (2, "second", ids[ben], at(2), "text"),
        (3, "third, by nobody", None, at(3.25), "system"),
    ]
    assert shown[1]["metadata"] == {"n": 1}
    assert all(m["imported"] for m in shown)
    [direct] = history(client, listed[0]["id"])
    assert (direct["message"], direct["senderId"]) == ("only to you", ids[ben])
    assert client.json("GET", "/messages/unread")["messages"] == []


def test_repeating_an_import_changes_nothing(host: HostClient, rest: MakeRest) -> None:
    ann, ben, room = new_id("ann"), new_id("ben"), new_id("room")
    lines = [
        user(ann, displayName="Ann"),
        user(ben),
        group(room, ann, ben, name="Room"),
        *(message(room, ann, f"n {n}", n) for n in range(20)),
        message(room, ben, "named", 30, id=str(uuid.uuid4())),
        message(None, ann, "hi", 4, recipient=ben),
    ]
    imported(host, lines)
    client = rest(host.sign_in(ben))
    conversations = client.json("GET", "/conversations")
    before = history(client, conversations["conversations"][0]["id"])
    host.put_user(ann, displayName="Ann Other")
    assert imported(host, lines)["done"] == len(lines)
    assert imported(host, [*lines, *lines[3:]])["done"] == len(lines) + len(lines[3:])
    assert client.json("GET", "/conversations") == conversations
    assert history(client, conversations["conversations"][0]["id"]) == before
    assert host.answer("GET", f"/users/{ann}")["displayName"] == "Ann Other"


WRONG: list[tuple[Any, str]] = [
    (b"{", "not valid JSON"),
    (b'{"type": "planet"}', "type"),
    (b"[]", "line"),
    (b"\xff\xfe", "line"),
    ({"type": "user"}, "externalId: is required"),
    (user("x\u0000"), "NUL"),
    (user("{ann}"), "appears twice"),
    (user("{new}", displayName=""), "displayName"),
    (user("{new}", username="{taken}"), "username: This username is taken"),
    (user("{new}", avatarUrl=f"/api/v1/avatars/{uuid.uuid4()}"), "no such picture"),
    (group("{room}"), "appears twice"),
    ({"type": "conversation", "externalId": "{new}"}, "kind: is required"),
    (group("{new}", "nobody"), "members[0]: no such user"),
    (group("{new}", "{later}"), "members[0]: no such user"),
    ({"type": "conversation", "externalId": "{new}", "kind": "direct", "members": ["{ann}"]}, "exactly two"),
    (message("{room}", "nobody", "x", 1), "sender: no such user"),
    (message("{room}", "{later}", "x", 1), "sender: no such user"),
    (message("nowhere", "{ann}", "x", 1), "conversation: no such conversation"),
    (message(None, "{ann}", "x", 1), "conversation"),
    (message("{room}", "{ann}", "", 1), "message"),
    (message("{room}", "{ann}", "x" * 8001, 1), "message"),
    (message("{room}", "{ann}", "x", 1, id="7"), "id"),
    (message("{room}", "{ann}", "x", 1, replyTo=str(uuid.uuid4())), "replyTo: no such message"),
    (message("{room}", "{ann}", "x", 1, attachments=[{"mediaId": str(uuid.uuid4())}]), "attachments"),
    (message("{room}", "{ann}", "x", 1, metadata={"x": "y" * 5000}), "metadata"),
    ({**message("{room}", "{ann}", "x", 1), "sentAt": "yesterday and"}, "sentAt"),
    ({**message("{room}", "{ann}", "x", 1), "sentAt": "2019-03-01T00:00:00"}, "sentAt"),
    ({**message("{room}", "{ann}", "x", 1), "sentAt": "2999-03-01T00:00:00Z"}, "sentAt"),
    ({**message("{room}", "{ann}", "x", 1), "sentAt": "1969-03-01T00:00:00Z"}, "sentAt"),
    (message("{room}", "{ben}", "another's", 1, id="{used}"), "another sender's message"),
]


def test_wrong_lines_are_named_and_nothing_is_written(host: HostClient, ann: Account) -> None:
    names = {name: new_id(name) for name in ("ann", "ben", "room", "later", "new")}
    names |= {"taken": ann.username, "used": str(uuid.uuid4())}

    def filled(line: Any) -> Any:
        if isinstance(line, bytes):
            return line
        text = json.dumps(line)
        for name, value in names.items():
            text = text.replace("{" + name + "}", value)
        return json.loads(text)

    good = [
        user("{ann}"),
        user("{ben}"),
        group("{room}", "{ann}", "{ben}"),
        message("{room}", "{ann}", "fine", 1, id="{used}"),
    ]
    for wrong, why in WRONG:
        lines = [*good, wrong, message("{room}", "{ann}", "fine too", 2), user("{later}")]
        found = ended(host, begin(host, map(filled, lines)))
        assert found["status"] == "failed", wrong
        assert found["done"] == 0
        assert [error["line"] for error in found["errors"]] == [5], (wrong, found)
        assert why in found["errors"][0]["message"], found
    everything = [*good, *(wrong for wrong, _ in WRONG), user("{later}")]
    found = ended(host, begin(host, map(filled, everything)))
    assert [error["line"] for error in found["errors"]] == list(range(5, 5 + len(WRONG)))
    for path in (f"/users/{names['ann']}", f"/conversations/{names['room']}"):
        with refused("not_found"):
            host.call("GET", path)


def test_at_most_a_hundred_errors_are_reported(host: HostClient) -> None:
    found = ended(host, begin(host, [b"{"] * 500))
    assert [error["line"] for error in found["errors"]] == list(range(1, 101))
    assert found["total"] == 500


def test_bad_requests_have_their_codes(host: HostClient, stored: Engine, server: Stack, opened: list[Any]) -> None:
    def with_scope(scope: Scope) -> HostClient:
        client = HostClient(server.base_url, create_key(new_id("key"), [scope], engine=stored))
        opened.append(client)
        return client

    with refused("invalid"):
        host.call("POST", "/imports", content=b"")
    with refused("unsupported_media"):
        host.call("POST", "/imports", content=b"x", headers={"Content-Type": "text/html"})
    with refused("invalid"):
        host.call("POST", "/imports", content=b"x" * 2_000_000)
    for unknown in (str(uuid.uuid4()), "x", "%00"):
        with refused("not_found"):
            host.call("GET", f"/imports/{unknown}")
    with refused("forbidden"):
        with_scope("messages").call("POST", "/imports", content=b"{}")
    assert with_scope("import").call("POST", "/imports", content=b"{}").status_code == 202


def test_unknown_fields_are_named(host: HostClient) -> None:
    found = imported(host, [user(new_id(), colour="red"), user(new_id(), shape={"a": 1})])
    assert found["ignored"] == ["colour", "shape"]


def test_random_history_reads_back_as_it_was(host: HostClient, rest: MakeRest) -> None:
    chance = random.Random(20)
    people = [new_id("p") for _ in range(6)]
    rooms = [new_id("r") for _ in range(5)]
    lines: list[Line] = [user(one) for one in people]
    members = {room: chance.sample(people, chance.randint(1, 6)) for room in rooms}
    lines += [group(room, *members[room]) for room in rooms]
    expected: dict[str, list[tuple[float, int, str, str]]] = {room: [] for room in rooms}
    sent: dict[str, list[str]] = {room: [] for room in rooms}
    for n in range(800):
        room, seconds = chance.choice(rooms), chance.randint(0, 400)
        sender, id_ = chance.choice(people), str(uuid.UUID(int=chance.getrandbits(128)))
        more = {"replyTo": chance.choice(sent[room])} if sent[room] and n % 3 == 0 else {}
        sent[room].append(id_)
        expected[room].append((seconds, len(lines), sender, id_))
        lines.append(message(room, sender, f"№{n} “\\'\"\n", seconds, id=id_, **more))
    imported(host, lines)
    for room in rooms:
        conversation = host.answer("GET", f"/conversations/{room}")
        shown = history(rest(host.sign_in(members[room][0])), conversation["id"])
        assert [m["seq"] for m in shown] == list(range(1, len(expected[room]) + 1))
        wanted = [(id_, at(seconds)) for seconds, _, _, id_ in sorted(expected[room])]
        assert [(m["id"], m["sentAt"]) for m in shown] == wanted
        replies = {line["id"]: line["replyTo"] for line in lines if "replyTo" in line and line["conversation"] == room}
        assert {m["id"]: m["replyTo"] for m in shown if "replyTo" in m} == replies
        assert conversation["lastSeq"] == len(shown)


@pytest.mark.parametrize("transport", ALL)
def test_messages_into_a_conversation_that_is_in_use(
    host: HostClient, connect: Connect, rest: MakeRest, transport: str, rows: Rows
) -> None:
    ann, ann_account = host.new_account()
    ben, ben_account = host.new_account()
    room = new_id("room")
    made = host.answer("PUT", f"/conversations/{room}", json={"kind": "group", "members": [ann, ben]})
    client = connect(transport, ben_account)
    sender = connect("ws", ann_account)
    for n in range(5):
        sender.send(f"live {n}", conversation_id=made["id"])
    import_id = begin(host, (message(room, ann, f"old {n}", n, metadata={"n": n}) for n in range(300)))
    for n in range(5, 30):
        sender.send(f"live {n}", conversation_id=made["id"])
    assert ended(host, import_id)["status"] == "done"
    shown = history(rest(ben_account), made["id"])
    assert [m["seq"] for m in shown] == list(range(1, len(shown) + 1))
    old = [m for m in shown if m.get("imported")]
    assert [m["message"] for m in old] == [f"old {n}" for n in range(300)]
    assert [m["sentAt"] for m in old] == [at(n) for n in range(300)]
    assert [m["message"] for m in shown if m["message"].startswith("live")] == [f"live {n}" for n in range(30)]
    last = shown[-1]["seq"]
    wait_for_seq(client, made["id"], last)
    seen = {data["seq"]: data for data in client.messages(made["id"])}
    for one in old:
        assert seen[one["seq"]]["sentAt"] == one["sentAt"]
        assert seen[one["seq"]]["imported"] is True
    assert [row[0] for row in rows(made["id"])] == list(range(1, last + 1))
