"""Imported history counts as read, is found, exported, and deleted with the account. It is announced once."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, finished_export, listed
from tests.support.clients import HostClient
from tests.support.imports import at, begin, ended, group, history, imported, message, new_id, user


@pytest.mark.parametrize("transport", ALL)
def test_members_who_were_online_get_one_resync_for_new_conversations(
    host: HostClient, connect: Connect, rest: MakeRest, transport: str
) -> None:
    ann, account = host.new_account()
    other = new_id("other")
    online = connect(transport, account)
    gone = connect("ws", account)
    gone.fence()
    cursor = gone.cursor
    gone.close()
    rooms = [new_id("room") for _ in range(3)]
    lines = [user(other), *(group(room, ann, other) for room in rooms)]
    imported(host, [*lines, *(message(room, other, f"n {n}", n) for room in rooms for n in range(50))])
    online.next_event("resync")
    online.fence()
    assert len(online.named("resync")) == 1
    assert {data["message"] for data in online.messages()} == {"fence"}  # nothing of the history
    back = connect("ws", account, cursor)
    back.next_event("resync")
    back.fence()
    assert len(back.named("resync")) == 1
    assert {data["message"] for data in back.messages()} == {"fence"}
    assert len(rest(account).json("GET", "/conversations")["conversations"]) == 4  # with the notes


def test_unread_messages_stay_unread_and_imported_ones_count_as_read(
    host: HostClient, rest: MakeRest, connect: Connect
) -> None:
    (ann, ann_account), (ben, ben_account), (eve, eve_account) = (host.new_account() for _ in range(3))
    room = new_id("room")
    made = host.answer("PUT", f"/conversations/{room}", json={"kind": "group", "members": [ann, ben, eve]})
    id_ = made["id"]
    sent = rest(ann_account).send(conversation_id=id_, message="live")
    rest(ben_account).read(id_, sent["seq"])
    imported(host, [message(room, eve, f"old {n}", n) for n in range(400)])
    assert listed(rest(ben_account), id_)["unread"] == 0
    unread = rest(eve_account).fetch_unread(conversation_id=id_)["messages"]
    assert [m["message"] for m in unread if m["kind"] == "text"] == ["live"]
    later = rest(eve_account).send(conversation_id=id_, message="and now")
    assert listed(rest(ben_account), id_)["unread"] == 1
    assert later["seq"] == history(rest(ben_account), id_)[-1]["seq"]


def test_imported_messages_are_found_by_search(host: HostClient, rest: MakeRest) -> None:
    ann, ben, room = new_id("ann"), new_id("ben"), new_id("room")
    word = f"w{uuid.uuid4().hex[:10]}"
    lines = [user(ann), user(ben), group(room, ann)]
    imported(host, [*lines, *(message(room, ann, f"{word} {n}", n) for n in range(20))])
    client = rest(host.sign_in(ann))

    def found() -> Any:
        messages = client.json("GET", "/search", params={"q": word, "limit": 50})["messages"]
        return messages if len(messages) == 20 else None

    messages = eventually(found, "all imported messages", timeout=60)
    assert [m["sentAt"] for m in messages] == [at(n) for n in reversed(range(20))]
    assert rest(host.sign_in(ben)).json("GET", "/search", params={"q": word})["messages"] == []


def test_the_host_gets_no_events_of_its_import(host: HostClient) -> None:
    ann, _ = host.new_account()
    room = new_id("room")
    host.answer("PUT", f"/conversations/{room}", json={"kind": "group", "members": [ann]})
    cursor = host.answer("GET", "/events")["cursor"]
    new, fresh = new_id("new"), new_id("fresh")
    imported(
        host,
        [
            user(new),
            group(fresh, new, ann),
            message(fresh, new, "history", 1),
            message(room, ann, "history", 1),
        ],
    )
    marker = host.answer("POST", "/messages", json={"conversation": room, "sender": ann, "message": "now"})
    seen: list[dict[str, Any]] = []

    def arrived() -> bool:
        page = host.answer("GET", f"/events?cursor={cursor}")
        seen[:] = page["events"]
        return any(event["data"].get("id") == marker["id"] for event in seen)

    eventually(arrived, "the marker")
    about = {event["data"].get("message") for event in seen if event["type"] == "message.created"}
    assert "history" not in about
    assert {event["type"] for event in seen if event["data"].get("externalId") in (new, fresh)} == set()


def test_export_and_deletion_cover_imported_messages_of_former_members_too(
    host: HostClient, rest: MakeRest, stored: Engine
) -> None:
    ann, ben, room = new_id("ann"), new_id("ben"), new_id("room")
    live, live_account = host.new_account()
    old = host.answer("PUT", f"/conversations/{new_id('old')}", json={"kind": "group", "members": [live]})
    imported(
        host,
        [
            user(ann),
            user(ben),
            group(room, ann),
            message(room, ben, "ben before he left", 1),
            message(room, ann, "ann alone", 2),
            message(old["externalId"], ben, "ben in an old room", 3),
        ],
    )
    account = host.sign_in(ben)
    assert rest(account).json("GET", "/conversations")["conversations"] == []
    _, lines = finished_export(rest(account))
    texts = [line["message"] for line in lines if line["type"] == "message" and line["kind"] != "system"]
    assert sorted(texts) == ["ben before he left", "ben in an old room"]
    host.call("DELETE", f"/users/{ben}?messages=erase")
    query = text("select count(*) from messages where sender_id = :u and deleted_at is null")

    def gone() -> bool:
        with stored.connect() as connection:
            return not connection.execute(query, {"u": account.user_id}).scalar_one()

    eventually(gone, "the end of the deletion", timeout=60)
    shown = [m.get("message", "") for m in history(rest(host.sign_in(ann)), listed_id(rest, host, ann))]
    assert shown == ["", "ann alone"]
    assert [m.get("message", "") for m in history(rest(live_account), old["id"])][-1] == ""


def listed_id(rest: MakeRest, host: HostClient, user_: str) -> int:
    return int(rest(host.sign_in(user_)).json("GET", "/conversations")["conversations"][0]["id"])


def test_direct_conversations_are_found_named_and_go_on(host: HostClient, rest: MakeRest) -> None:
    (ann, ann_account), (ben, ben_account) = host.new_account(), host.new_account()
    sent = rest(ann_account).send(receiver_id=ben_account.user_id, message="live")
    pair = new_id("pair")
    direct = {"type": "conversation", "externalId": pair, "kind": "direct", "members": [ben, ann]}
    lines = [direct, message(pair, ben, "by name", 1), message(None, ann, "by user", 2, recipient=ben)]
    imported(host, lines)
    imported(host, lines)
    shown = history(rest(ben_account), sent["conversationId"])
    assert [m["message"] for m in shown] == ["live", "by name", "by user"]
    assert [m.get("receiverId") for m in shown] == [ben_account.user_id, ann_account.user_id, ben_account.user_id]
    assert host.answer("GET", f"/conversations/{pair}")["id"] == sent["conversationId"]
    again = {**direct, "externalId": new_id("pair")}
    found = ended(host, begin(host, [again]))
    assert "another external id" in found["errors"][0]["message"]
    fresh = host.new_account()[0]
    named = {**direct, "externalId": new_id("pair"), "members": [fresh, ann]}
    imported(host, [message(None, fresh, "first", 1, recipient=ann), named, message(named["externalId"], ann, "so", 2)])
    view = host.answer("GET", f"/conversations/{named['externalId']}")
    assert view["lastSeq"] == 2


def test_id_of_an_imported_message_is_used(host: HostClient, rest: MakeRest) -> None:
    ann, room = new_id("ann"), new_id("room")
    id_ = str(uuid.uuid4())
    imported(host, [user(ann), group(room, ann), message(room, ann, "imported", 1, id=id_)])
    body = {"conversation": room, "sender": ann, "message": "again", "id": id_}
    assert host.answer("POST", "/messages", json=body)["seq"] == 1
    assert host.answer("POST", "/messages", json={**body, "id": None})["seq"] == 2
