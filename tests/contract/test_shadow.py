"""A user with a shadow suspension goes on as before, and nobody else sees their acts."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from app.core.times import rfc3339
from tests.contract.conftest import ALL, Connect, MakeRest, Person
from tests.contract.expect import eventually, exported, refused
from tests.support.clients import HostClient
from tests.support.clients.host import user_path


@pytest.fixture
def eve(host: HostClient) -> Person:  # type: ignore[override]
    """The user who gets a shadow suspension."""
    return host.new_account(displayName="Eve")


def shadow(host: HostClient, user: Person, **more: Any) -> dict[str, Any]:
    return host.answer("PUT", f"{user_path(user[0])}/suspension", json={"shadow": True, **more})


def lift(host: HostClient, user: Person) -> None:
    assert host.call("DELETE", f"{user_path(user[0])}/suspension").status_code == 204


def group(host: HostClient, *users: Person) -> dict[str, Any]:
    return host.new_group(*(external_id for external_id, _ in users))


def texts(answer: dict[str, Any]) -> list[str]:
    return [one["message"] for one in answer["messages"] if one["kind"] != "system"]


def test_the_host_sees_the_suspension_and_the_user_does_not(host: HostClient, rest: MakeRest, eve: Person) -> None:
    until = rfc3339(int(time.time() * 1000) + 3_600_000)
    assert shadow(host, eve, until=until, reason="spam") == {"until": until, "reason": "spam", "shadow": True}
    assert host.answer("GET", user_path(eve[0]))["suspension"]["shadow"] is True
    assert "suspension" not in rest(eve[1]).json("GET", "/me")
    assert "suspension" in host.answer("POST", f"{user_path(eve[0])}/tokens")["user"]  # and can still sign in
    host.call("PUT", f"{user_path(eve[0])}/suspension", json={})
    with refused("suspended"):
        rest(eve[1]).json("GET", "/me")
    shadow(host, eve)
    assert rest(eve[1]).json("GET", "/me")["id"] == eve[1].user_id
    lift(host, eve)
    assert "suspension" not in host.answer("GET", user_path(eve[0]))


@pytest.mark.parametrize("transport", ALL)
def test_only_the_sender_sees_messages(
    connect: Connect, rest: MakeRest, host: HostClient, eve: Person, transport: str
) -> None:
    ben, zoe = host.new_account(), host.new_account()
    room = group(host, ben, eve)
    pair = direct(host, ben, eve)
    places = [room["id"], pair["id"]]
    rest(eve[1]).send(conversation_id=pair["id"], message="before")
    watcher, other, here = connect(transport, ben[1]), connect(transport, eve[1]), connect(transport, eve[1])
    away = connect(transport, ben[1])
    away.kill()
    shadow(host, eve)
    for session in (other, here):
        session.fence()
    sent = [here.send(message="@all spam", conversation_id=place) for place in places]
    assert [ack["status"] for ack in sent] == ["stored", "stored"]
    for ack, place, made in zip(sent, places, (room, pair), strict=True):
        assert other.next_message(ack["id"])["message"] == "@all spam"
        mine = rest(eve[1]).history(place)["messages"][-1]
        assert (mine["message"], "shadow" in mine) == ("@all spam", False)
        assert "@all spam" not in texts(rest(ben[1]).history(place))
        for_host = host.answer("GET", path_of(made, "/messages"))["messages"]
        assert [one["message"] for one in for_host if one.get("shadow")] == ["@all spam"]
        shown = rest(ben[1]).conversation(place)
        assert (shown["mentions"], shown.get("lastMessage", {}).get("message")) != (1, "@all spam")
    assert texts(rest(ben[1]).fetch_unread()) == ["before"]
    unread = {one["conversationId"]: one["count"] for one in connect("ws", ben[1]).joined.data["unread"]}
    assert (unread.get(pair["id"]), rest(ben[1]).conversation(pair["id"])["unread"]) == (1, 1)
    with refused("not_found"):
        rest(ben[1]).react(sent[0]["id"], "👍")
    with refused("not_found"):
        forward = {"conversationId": pair["id"], "message": "", "forward": {"id": sent[0]["id"]}}
        rest(ben[1]).json("POST", "/messages", json=forward)
    rest(ben[1]).send(conversation_id=pair["id"], message="still here?", replyTo=sent[1]["id"])
    assert "quoted" not in rest(ben[1]).history(pair["id"])["messages"][-1]
    assert rest(eve[1]).history(pair["id"])["messages"][-1]["quoted"]["message"] == "@all spam"
    host.call("POST", path_of(room, "/members"), json={"members": [zoe[0]]})
    assert texts(rest(zoe[1]).history(room["id"])) == []  # a later member sees older messages, but not this one
    away.join(away.cursor)
    for session in (watcher, away):
        session.fence()
        assert {ack["id"] for ack in sent}.isdisjoint(one["id"] for one in session.messages())


def test_search_and_export_of_others_lack_the_messages(rest: MakeRest, host: HostClient, eve: Person) -> None:
    ben = host.new_account()
    room = group(host, ben, eve)["id"]
    word = f"w{uuid.uuid4().hex[:10]}"
    shadow(host, eve)
    eventually(lambda: not rest(ben[1]).presence([eve[1].user_id])[eve[1].user_id]["lastSeen"], "the shadow")
    rest(eve[1]).send(conversation_id=room, message=word)
    eventually(lambda: rest(eve[1]).search(word), "the index")
    assert rest(ben[1]).search(word) == []
    assert word in str(exported(rest(eve[1])))
    assert word not in str(exported(rest(ben[1])))


@pytest.mark.parametrize("transport", ALL)
def test_changes_of_messages_that_others_see(
    connect: Connect, rest: MakeRest, host: HostClient, eve: Person, transport: str
) -> None:
    ben = host.new_account()
    room = group(host, ben, eve)["id"]
    mine = rest(eve[1]).send(conversation_id=room, message="mine")["id"]
    gone = rest(eve[1]).send(conversation_id=room, message="gone")["id"]
    his = rest(ben[1]).send(conversation_id=room, message="his")["id"]
    watcher, other, here = connect(transport, ben[1]), connect(transport, eve[1]), connect(transport, eve[1])
    away = connect(transport, eve[1])
    away.kill()
    shadow(host, eve)
    for session in (other, here):
        session.fence()
    here.edit(mine, "changed")
    here.react(his, "👍")
    here.delete(gone)
    for session in (other, away.join(away.cursor)):
        assert session.next_event(about("message_updated", mine)).data["message"] == "changed"
        assert session.next_event(about("reaction", his)).data["emoji"] == "👍"
        session.next_event(about("message_deleted", gone))
    views = {one["id"]: one for one in rest(eve[1]).history(room)["messages"]}
    assert (views[mine]["message"], "editedAt" in views[mine]) == ("changed", True)
    assert views[his]["reactions"] == [{"emoji": "👍", "count": 1, "mine": True}]
    assert gone not in views
    assert texts(rest(ben[1]).history(room)) == ["mine", "gone", "his"]
    assert [one["reactions"] for one in rest(ben[1]).history(room)["messages"]][-1] == []
    watcher.fence()
    assert not [one for one in watcher.events if one.name in ("message_updated", "reaction", "message_deleted")]
    lift(host, eve)
    assert texts(rest(eve[1]).history(room)) == ["mine", "his"]


def test_own_shadow_messages_change_as_usual(connect: Connect, rest: MakeRest, host: HostClient, eve: Person) -> None:
    ben = host.new_account()
    room = group(host, ben, eve)
    watcher, here = connect("ws", ben[1]), connect("ws", eve[1])
    shadow(host, eve)
    here.fence()
    sent = here.send(message="one", conversation_id=room["id"])["id"]
    lift(host, eve)
    here.fence()
    here.edit(sent, "two")  # even after the end, nobody else sees it
    here.react(sent, "👍")
    reply = here.send(message="a reply", conversation_id=room["id"], replyTo=sent)["id"]
    [view] = [one for one in rest(eve[1]).history(room["id"])["messages"] if one["id"] == sent]
    assert (view["message"], view["reactions"][0]["mine"]) == ("two", True)
    assert "quoted" not in watcher.next_message(reply)
    host.call("PATCH", f"/messages/{sent}", json={"message": "by the host"})
    assert here.next_event(lambda e: e.data.get("message") == "by the host").name == "message_updated"
    here.delete(sent)
    watcher.fence()
    assert texts(rest(ben[1]).history(room["id"])) == ["a reply"]
    assert not [one for one in watcher.events if one.data.get("id") == sent]


def test_marks_typing_events_and_presence(connect: Connect, rest: MakeRest, host: HostClient, eve: Person) -> None:
    ben = host.new_account()
    room = group(host, ben, eve)["id"]
    watcher, here = connect("ws", ben[1]), connect("ws", eve[1])
    assert watcher.presence([eve[1].user_id])[eve[1].user_id]["status"] == "online"
    shadow(host, eve)
    watcher.next_event(lambda e: e.name == "presence" and e.data["status"] == "offline")
    here.fence()
    last = rest(ben[1]).send(conversation_id=room, message="read me")
    assert here.next_message(last["id"])
    assert rest(eve[1]).conversation(room)["unread"] == 2
    assert here.delivered(room, last["seq"])["seq"] == last["seq"]
    assert here.read(room, last["seq"])["seq"] == last["seq"]
    here.typing(conversation_id=room)
    assert rest(eve[1]).json("POST", f"/conversations/{room}/events", json={"type": "wave"}) == {}
    with refused("not_found"):
        rest(eve[1]).json("POST", "/conversations/999999/events", json={"type": "wave"})
    here.fence()
    watcher.fence()
    assert not [e for e in watcher.events if e.name in ("message_read", "message_delivered", "typing", "custom")]
    assert watcher.presence([eve[1].user_id])[eve[1].user_id]["status"] == "offline"
    mine = rest(eve[1]).conversation(room)
    assert (mine["unread"], _marks(mine, eve)) == (0, last["seq"])
    assert _marks(rest(ben[1]).conversation(room), eve) < last["seq"]
    assert rest(ben[1]).receipts(last["id"])["read"] == 0
    assert here.joined is not None
    assert [one for one in connect("ws", eve[1]).joined.data["unread"] if one["conversationId"] == room] == []


def _marks(conversation: dict[str, Any], user: Person) -> int:
    [seq] = [one["readSeq"] for one in conversation["members"] if one["userId"] == user[1].user_id]
    return int(seq)


def test_new_conversations_wait_until_the_end(connect: Connect, rest: MakeRest, host: HostClient, eve: Person) -> None:
    ben = host.new_account()
    watcher, here = connect("ws", ben[1]), connect("ws", eve[1])
    shadow(host, eve)
    here.fence()
    opened = here.send(receiver_id=ben[1].user_id, message="psst")["conversationId"]
    made = rest(eve[1]).group(members=[ben[1].user_id])
    assert len(rest(eve[1]).conversation(opened)["members"]) == 2
    watcher.fence()
    assert {opened, made["id"]}.isdisjoint(one["id"] for one in rest(ben[1]).conversations()["conversations"])
    assert rest(ben[1]).json("GET", "/requests")["requests"] == []
    assert watcher.messages(opened) == []
    lift(host, eve)
    waiting = {one["conversationId"] for one in rest(ben[1]).json("GET", "/requests")["requests"]}
    assert waiting == {opened, made["id"]}
    back = rest(ben[1]).send(receiver_id=eve[1].user_id, message="hello")
    assert texts(rest(ben[1]).history(back["conversationId"])) == ["hello"]


def test_groups_of_others_do_not_change(rest: MakeRest, host: HostClient, connect: Connect, eve: Person) -> None:
    ben, zoe = host.new_account(), host.new_account()
    made = rest(eve[1]).group(members=[ben[1].user_id])["id"]
    here = connect("ws", eve[1])
    shadow(host, eve)
    here.fence()
    with refused("forbidden"):
        rest(eve[1]).change(made, name="Spam")
    with refused("forbidden"):
        rest(eve[1]).remove(made, ben[1].user_id)
    assert rest(eve[1]).add(made, zoe[1].user_id)["memberCount"] == 2
    assert rest(ben[1]).conversation(made)["memberCount"] == 2
    assert rest(zoe[1]).json("GET", "/requests")["requests"] == []


@pytest.mark.parametrize("transport", ALL)
def test_streams(connect: Connect, rest: MakeRest, host: HostClient, eve: Person, transport: str) -> None:
    ben = host.new_account()
    room = group(host, ben, eve)["id"]
    watcher, here = connect(transport, ben[1]), connect("ws", eve[1])
    writer = rest(eve[1])
    open_ = writer.json("POST", "/streams", json={"conversationId": room})["id"]
    writer.request("POST", f"/streams/{open_}/append", json={"from": 0, "text": "seen"})
    shadow(host, eve)
    here.fence()
    with refused("stopped"):
        writer.request("POST", f"/streams/{open_}/append", json={"from": 4, "text": " spam"})
    writer.json("POST", f"/streams/{open_}/end", json={"message": "all spam"})
    own = writer.json("POST", "/streams", json={"conversationId": room})["id"]
    writer.request("POST", f"/streams/{own}/append", json={"from": 0, "text": "spam"})
    assert here.next_event(about("message_append", own)).data["text"] == "spam"
    lift(host, eve)
    here.fence()
    writer.request("POST", f"/streams/{own}/append", json={"from": 4, "text": " and more"})
    writer.json("POST", f"/streams/{own}/end", json={})
    assert texts(writer.history(room)) == ["seen", "spam and more"]
    assert texts(rest(ben[1]).history(room)) == ["seen"]
    watcher.fence()
    assert not [one for one in watcher.events if one.data.get("id") == own]


def about(name: str, id_: str) -> Any:
    return lambda event: event.name == name and event.data["id"] == id_


def direct(host: HostClient, *users: Person) -> dict[str, Any]:
    fields = {"kind": "direct", "members": [one[0] for one in users]}
    return host.answer("PUT", f"/conversations/pair-{uuid.uuid4().hex[:12]}", json=fields)


def path_of(conversation: dict[str, Any], rest: str = "") -> str:
    return f"/conversations/{conversation['externalId']}{rest}"
