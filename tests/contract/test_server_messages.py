"""The host's server sends, changes and reads messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest, Person
from tests.contract.expect import is_time, refused, uuid7
from tests.support.clients import Account, HostClient
from tests.support.media_files import image_bytes

Send = Callable[..., dict[str, Any]]


def history_of(room: str) -> str:
    return f"/conversations/{quote(room, safe='')}/messages"


@pytest.fixture
def send(host: HostClient) -> Send:
    def act(**message: Any) -> dict[str, Any]:
        answer = host.call("POST", "/messages", json=message)
        assert answer.status_code == 201
        return dict(answer.json())

    return act


def texts(client: HostClient, room: str, **query: Any) -> list[str]:
    found = client.answer("GET", history_of(room), params=query)["messages"]
    return [message["message"] for message in found if "system" not in message]


@pytest.mark.parametrize("transport", ALL)
def test_members_get_a_message_of_the_host_live(
    connect: Connect, zoe: Person, yan: Person, room: str, send: Send, transport: str
) -> None:
    clients = [connect(transport, zoe[1]), connect(transport, yan[1])]
    ack = send(conversation=room, sender=zoe[0], message="hello")
    assert (ack["status"], set(ack)) == ("stored", {"id", "conversationId", "seq", "sentAt", "status"})
    assert is_time(ack["sentAt"])
    for client in clients:
        said = client.next_message(ack["id"])
        assert (said["senderId"], said["message"], said["kind"]) == (zoe[1].user_id, "hello", "text")
        assert (said["seq"], said["conversationId"]) == (ack["seq"], ack["conversationId"])


@pytest.mark.parametrize("transport", ALL)
def test_message_without_sender_is_a_system_message(
    connect: Connect, rest: MakeRest, zoe: Person, room: str, send: Send, transport: str
) -> None:
    client = connect(transport, zoe[1])
    ack = send(conversation=room, message="Your order was sent.")
    said = client.next_message(ack["id"])
    assert (said["senderId"], said["kind"], said["message"]) == (None, "system", "Your order was sent.")
    assert "system" not in said
    [found] = [m for m in rest(zoe[1]).history(ack["conversationId"])["messages"] if m["id"] == ack["id"]]
    assert (found["senderId"], found["kind"], found["message"]) == (None, "system", "Your order was sent.")
    unread = rest(zoe[1]).fetch_unread()["messages"]
    assert ack["id"] in [message["id"] for message in unread]
    assert rest(zoe[1]).conversation(ack["conversationId"])["lastMessage"]["senderId"] is None
    for act in (
        lambda: rest(zoe[1]).edit(ack["id"], "mine"),
        lambda: rest(zoe[1]).delete(ack["id"]),
        lambda: rest(zoe[1]).react(ack["id"], "👍", on=True),
    ):
        with refused("forbidden"):
            act()


def test_system_message_is_replayed_on_resume(connect: Connect, zoe: Person, room: str, send: Send) -> None:
    first = connect("ws", zoe[1])
    cursor = first.joined.data["cursor"]
    first.finish()
    ack = send(conversation=room, message="Meanwhile.")
    said = connect("ws", zoe[1], cursor).next_message(ack["id"])
    assert (said["senderId"], said["message"]) == (None, "Meanwhile.")


def test_sender_and_recipient_open_their_direct_conversation(
    connect: Connect, rest: MakeRest, zoe: Person, yan: Person, send: Send
) -> None:
    rest(yan[1]).json("PATCH", "/me", json={"mayWriteToMe": "nobody"})
    client = connect("ws", yan[1])
    ack = send(recipient=yan[0], sender=zoe[1].user_id, message="psst")
    said = client.next_message(ack["id"])
    assert (said["senderId"], said["receiverId"]) == (zoe[1].user_id, yan[1].user_id)
    assert rest(zoe[1]).direct(yan[1].user_id)["id"] == ack["conversationId"]
    assert send(recipient=zoe[0], sender=yan[0], message="what?")["conversationId"] == ack["conversationId"]
    system = send(conversation=ack["conversationId"], message="Keep it short.")
    assert "receiverId" not in client.next_message(system["id"])


def test_same_id_is_the_same_message(
    rest: MakeRest, host: HostClient, zoe: Person, yan: Person, room: str, send: Send
) -> None:
    for id_ in (uuid7(), str(uuid.uuid4()), uuid7(age_seconds=90_000)):
        first = send(conversation=room, sender=zoe[0], message="once", id=id_)
        assert send(conversation=room, sender=zoe[0], message="twice", id=id_.upper()) == first
        assert rest(zoe[1]).send(conversation_id=first["conversationId"], message="thrice", id=id_) == first
        for other in ({"sender": yan[0]}, {}):
            with refused("conflict"):
                send(conversation=room, message="mine", id=id_, **other)
    system = send(conversation=room, message="news", id=(id_ := str(uuid.uuid4())))
    assert send(conversation=room, message="news", id=id_) == system


def test_rights_of_users_do_not_count(
    host: HostClient, connect: Connect, rest: MakeRest, zoe: Person, yan: Person, room: str, send: Send, ann: Account
) -> None:
    """A read-only group, and a sender who is no member."""
    host.call("PATCH", f"/conversations/{room}", json={"readOnly": True})
    client = connect("ws", yan[1])
    for sender in (zoe[0], ann.user_id):
        ack = send(conversation=room, sender=sender, message="from the host")
        assert client.next_message(ack["id"])["message"] == "from the host"
    with refused("not_found"):
        rest(ann).history(ack["conversationId"])


def test_blocked_sender_does_not_reach_the_blocker(
    connect: Connect, rest: MakeRest, host: HostClient, zoe: Person, yan: Person, send: Send
) -> None:
    first = send(recipient=yan[0], sender=zoe[0], message="hello")
    rest(yan[1]).request("PUT", f"/blocks/{zoe[1].user_id}")
    blocker, sender = connect("ws", yan[1]), connect("ws", zoe[1])
    hidden = send(recipient=yan[0], sender=zoe[0], message="again")
    assert sender.next_message(hidden["id"])["message"] == "again"
    host.call("PATCH", f"/messages/{hidden['id']}", json={"message": "and again"})
    assert sender.next_event("message_updated").data["message"] == "and again"
    system = send(conversation=first["conversationId"], message="You cannot reach each other.")
    assert blocker.next_message(system["id"])["senderId"] is None
    assert [event.name for event in blocker.events].count("message_updated") == 0
    assert hidden["id"] not in [message["id"] for message in blocker.messages()]


def test_replies_mentions_kinds_and_metadata_arrive(
    connect: Connect, host: HostClient, zoe: Person, yan: Person, room: str, send: Send
) -> None:
    client = connect("ws", yan[1])
    first = send(conversation=room, sender=zoe[0], message="question")
    named = f"@{yan[1].username} here is the answer"
    ack = send(conversation=room, message=named, replyTo=first["id"], silent=True)
    said = client.next_message(ack["id"])
    assert (said["quoted"]["message"], said["mentions"], said["silent"]) == ("question", [yan[1].user_id], True)
    ack = send(conversation=room, sender=zoe[0], message="x", kind="order", metadata={"total": 7})
    said = client.next_message(ack["id"])
    assert (said["kind"], said["metadata"]) == ("order", {"total": 7})


def test_system_message_shows_its_picture_once_it_is_ready(
    connect: Connect, rest: MakeRest, host: HostClient, zoe: Person, yan: Person, room: str, send: Send
) -> None:
    client = connect("ws", yan[1])
    conversation_id = host.answer("GET", f"/conversations/{room}")["id"]
    media_id = rest(zoe[1]).upload(conversation_id, image_bytes())["mediaId"]
    ack = send(conversation=room, message="Your ticket", attachments=[{"mediaId": media_id}])
    said = client.next_message(ack["id"])
    if said["attachments"][0]["status"] != "ready":
        said = client.next_event(lambda e: e.name == "message_updated" and e.data["id"] == ack["id"], 15).data
    assert (said["senderId"], said["message"]) == (None, "Your ticket")
    assert said["attachments"][0]["status"] == "ready"


def test_batch_answers_in_order_and_sends_in_order(
    host: HostClient, rest: MakeRest, zoe: Person, yan: Person, room: str
) -> None:
    good = [
        {
            "conversation": room,
            "sender": (zoe, yan)[n % 2][0],
            "message": f"m{n}",
            "id": (uuid7(), str(uuid.uuid4()))[n % 2],
        }
        for n in range(40)
    ]
    bad: list[tuple[dict[str, Any], str]] = [
        ({"conversation": "nowhere", "message": "x"}, "not_found"),
        ({"conversation": room, "message": 7}, "invalid"),
        ({"conversation": room, "message": "x", "sender": "nobody"}, "not_found"),
        ({"conversation": room, "message": "x" * 9000}, "too_large"),
        ({"message": "x"}, "invalid"),
        ({"conversation": room, "message": "a\0b"}, "invalid"),
    ]
    mixed = [*good[:20], *(item for item, _ in bad), *good[20:], good[3]]
    results = host.answer("POST", "/messages/batch", json={"messages": mixed})["results"]
    assert len(results) == len(mixed)
    assert [result["code"] for result in results[20:26]] == [code for _, code in bad]
    assert all(result["type"].startswith("urn:parley:problem:") for result in results[20:26])
    acks = results[:20] + results[26:46]
    assert [ack["status"] for ack in acks] == ["stored"] * 40
    assert [ack["seq"] for ack in acks] == list(range(acks[0]["seq"], acks[0]["seq"] + 40))
    assert results[46] == acks[3]
    assert texts(host, room, limit=100) == [f"m{n}" for n in range(40)]
    assert host.answer("POST", "/messages/batch", json={"messages": []}) == {"results": []}


def test_batch_of_500_is_accepted_and_no_more(host: HostClient, room: str, zoe: Person) -> None:
    message = {"conversation": room, "sender": zoe[0], "message": "x" * 2000}
    results = host.answer("POST", "/messages/batch", json={"messages": [message] * 500})["results"]
    assert len({result["seq"] for result in results}) == 500
    with refused("invalid"):
        host.call("POST", "/messages/batch", json={"messages": [message] * 501})


@pytest.mark.parametrize("by_system", [True, False])
def test_host_edits_and_deletes_any_message(
    host: HostClient, connect: Connect, rest: MakeRest, zoe: Person, yan: Person, room: str, send: Send, by_system: bool
) -> None:
    client = connect("ws", yan[1])
    sender = {} if by_system else {"sender": zoe[0]}
    sent = send(conversation=room, message="draft", **sender)
    ack = host.call("PATCH", f"/messages/{sent['id']}", json={"message": "final", "metadata": {"v": 2}})
    assert (ack.status_code, ack.json()["seq"], ack.json()["status"]) == (200, sent["seq"], "stored")
    now = client.next_event("message_updated").data
    assert (now["message"], now["metadata"], is_time(now["editedAt"])) == ("final", {"v": 2}, True)
    assert now["senderId"] == (None if by_system else zoe[1].user_id)
    host.call("PATCH", f"/messages/{sent['id']}", json={"metadata": None})
    assert "metadata" not in client.next_event("message_updated").data
    assert texts(host, room) == ["final"]
    for _ in range(2):
        assert host.call("DELETE", f"/messages/{sent['id']}").status_code == 200
    assert client.next_event("message_deleted").data["id"] == sent["id"]
    [gone] = [m for m in host.answer("GET", history_of(room))["messages"] if m["id"] == sent["id"]]
    assert "message" not in gone
    assert is_time(gone["deletedAt"])
    with refused("not_found"):
        host.call("PATCH", f"/messages/{sent['id']}", json={"message": "x"})


def test_host_changes_what_users_wrote(host: HostClient, rest: MakeRest, zoe: Person, yan: Person) -> None:
    sent = rest(zoe[1]).send(receiver_id=yan[1].user_id, message="rude")
    host.call("PATCH", f"/messages/{sent['id']}", json={"message": "***"})
    [message] = rest(yan[1]).history(sent["conversationId"])["messages"]
    assert message["message"] == "***"
    host.call("DELETE", f"/messages/{sent['id']}")
    assert "deletedAt" in rest(yan[1]).history(sent["conversationId"])["messages"][0]


def test_same_id_in_two_conversations_needs_a_name(host: HostClient, zoe: Person, room: str, send: Send) -> None:
    other = str(host.new_group()["externalId"])
    id_ = str(uuid.uuid4())
    for place in (room, other):
        send(conversation=place, message="both", id=id_)
    with refused("invalid") as caught:
        host.call("PATCH", f"/messages/{id_}", json={"message": "one"})
    assert caught.value.data["errors"][0]["field"] == "conversation"
    host.call("PATCH", f"/messages/{id_}", params={"conversation": other}, json={"message": "one"})
    assert (texts(host, room), texts(host, other)) == (["both"], ["one"])


def test_history_is_read_in_pages(host: HostClient, room: str, send: Send) -> None:
    seqs = [send(conversation=room, message=f"m{n}")["seq"] for n in range(5)]
    newest = host.answer("GET", history_of(room), params={"limit": 2})
    assert ([m["seq"] for m in newest["messages"]], newest["hasMore"]) == (seqs[3:], True)
    older = host.answer("GET", history_of(room), params={"limit": 2, "before": seqs[3]})
    assert [m["seq"] for m in older["messages"]] == seqs[1:3]
    later = host.answer("GET", history_of(room), params={"after": seqs[2]})
    assert ([m["seq"] for m in later["messages"]], later["hasMore"]) == (seqs[3:], False)
    with refused("invalid"):
        host.call("GET", history_of(room), params={"before": 3, "after": 1})
    for query in ({"limit": 0}, {"limit": 101}, {"before": 0}, {"after": -1}):
        with refused("invalid"):
            host.call("GET", history_of(room), params=query)
    with refused("not_found"):
        host.call("GET", history_of("nowhere"))


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"message": "x"}, "invalid", "conversation"),
        ({"conversation": "ROOM", "recipient": "ZOE", "message": "x"}, "invalid", "conversation"),
        ({"recipient": "ZOE", "message": "x"}, "invalid", "sender"),
        ({"conversation": "ROOM"}, "invalid", "message"),
        ({"conversation": "ROOM", "message": "x" * 8001}, "too_large", "message"),
        ({"conversation": "ROOM", "message": "x", "kind": "note"}, "invalid", "kind"),
        ({"conversation": "ROOM", "sender": "ZOE", "message": "x", "kind": "system"}, "invalid", "kind"),
        ({"conversation": "ROOM", "sender": "ZOE", "message": "x", "kind": "A b"}, "invalid", "kind"),
        ({"conversation": "nowhere", "message": "x"}, "not_found", "conversation"),
        ({"conversation": 999_999_999, "message": "x"}, "not_found", "conversation"),
        ({"conversation": "a\nb", "message": "x"}, "invalid", "conversation"),
        ({"conversation": "ROOM", "sender": "nobody", "message": "x"}, "not_found", "sender"),
        ({"conversation": "ROOM", "sender": 999_999_999, "message": "x"}, "not_found", "sender"),
        ({"recipient": "nobody", "sender": "ZOE", "message": "x"}, "not_found", "recipient"),
        ({"conversation": "ROOM", "message": "x", "id": "1"}, "invalid", "id"),
        ({"conversation": "ROOM", "message": "x", "silent": "yes"}, "invalid", "silent"),
        (
            {"conversation": "ROOM", "message": "x", "attachments": [{"mediaId": str(uuid.UUID(int=7))}]},
            "invalid",
            "attachments[0].mediaId",
        ),
        ({"conversation": "ROOM", "message": "x", "metadata": {"a": "x" * 5000}}, "too_large", "metadata"),
    ],
)
def test_bad_messages_are_refused(
    host: HostClient, zoe: Person, room: str, message: dict[str, Any], code: str, field: str
) -> None:
    real = {"ROOM": room, "ZOE": zoe[0]}
    with refused(code) as caught:
        host.call(
            "POST", "/messages", json={k: real.get(v, v) if isinstance(v, str) else v for k, v in message.items()}
        )
    assert caught.value.data["errors"][0]["field"] == field
    assert texts(host, room) == []


def test_bad_changes_are_refused(host: HostClient, room: str, send: Send) -> None:
    sent = send(conversation=room, message="here")["id"]
    for body, code in (({}, "invalid"), ({"message": ""}, "invalid"), ({"message": "x" * 8001}, "too_large")):
        with refused(code):
            host.call("PATCH", f"/messages/{sent}", json=body)
    for method in ("PATCH", "DELETE"):
        for missing in (str(uuid.uuid4()), "7", "a%2Fb"):
            with refused("not_found"):
                host.call(method, f"/messages/{missing}", **({"json": {"message": "x"}} if method == "PATCH" else {}))
    created = host.answer("GET", history_of(room))["messages"][0]["id"]
    with refused("forbidden"):
        host.call("DELETE", f"/messages/{created}")
    assert texts(host, room) == ["here"]
