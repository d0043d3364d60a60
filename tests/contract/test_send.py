"""The path of a message from the send to its receivers and its ack."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import is_time, refused, seqs, uuid7, wait_for_seq
from tests.support.clients import Account, WsClient
from tests.support.processes import Stack


def test_message_arrives_complete(connect: Connect, ann: Account, ben: Account, transport: str) -> None:
    sender, receiver = connect(transport, ann), connect(transport, ben)
    id_ = str(uuid.uuid4())
    ack = sender.send("Grüße 👋\n“two lines”", receiver_id=ben.user_id, id=id_)
    event = receiver.next_event("receive_message")
    assert set(ack) >= {"id", "conversationId", "seq", "sentAt", "status"}
    assert (ack["id"], ack["seq"], ack["status"]) == (id_, 1, "stored")
    assert is_time(ack["sentAt"])
    assert event.cursor
    assert {k: v for k, v in event.data.items() if k not in {"status", "reactions"}} == {
        "id": id_,
        "conversationId": ack["conversationId"],
        "seq": 1,
        "senderId": ann.user_id,
        "receiverId": ben.user_id,
        "message": "Grüße 👋\n“two lines”",
        "kind": "text",
        "attachments": [],
        "sentAt": ack["sentAt"],
    }


def test_acked_message_is_in_postgres(connect: Connect, rows: Any, ann: Account, ben: Account, transport: str) -> None:
    ack = connect(transport, ann).send("durable", receiver_id=ben.user_id)
    assert rows(ack["conversationId"]) == [(1, ack["id"], ann.user_id, "durable")]


def test_message_waits_for_an_offline_receiver(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    sent = [rest(ann).send(receiver_id=ben.user_id, message=f"m{i}") for i in range(3)]
    client = connect(transport, ben)
    assert [m["id"] for m in client.fetch_unread()["messages"]] == [ack["id"] for ack in sent]


def test_notes_to_oneself(connect: Connect, rest: MakeRest, ann: Account, transport: str) -> None:
    client = connect(transport, ann)
    ack = rest(ann).send(receiver_id=ann.user_id, message="buy milk")
    assert client.next_message(ack["id"])["message"] == "buy milk"
    assert rest(ann).conversation(ack["conversationId"])["memberCount"] == 1
    assert client.fetch_unread()["messages"] == []


def test_message_reaches_all_devices_of_the_receiver_and_the_senders_other_devices(
    connect: Connect, ann: Account, ben: Account
) -> None:
    sender = connect("ws", ann, device_id="phone")
    others = [connect(t, who) for who in (ann, ben) for t in ("ws", "sse", "poll")]
    ack = sender.send("to all", receiver_id=ben.user_id)
    for client in others:
        assert client.next_message(ack["id"])["seq"] == ack["seq"]


def test_two_sessions_of_one_device_both_receive(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    tabs = [connect("ws", ben, device_id="laptop") for _ in range(2)]
    ack = rest(ann).send(receiver_id=ben.user_id, message="both")
    for tab in tabs:
        tab.next_message(ack["id"])


def test_sending_session_gets_the_ack_but_not_the_message(connect: Connect, ann: Account, ben: Account) -> None:
    client = connect("ws", ann)
    ack = client.send("mine", receiver_id=ben.user_id)
    client.fence()
    assert ack["id"] not in [m["id"] for m in client.messages()]


def test_each_session_gets_a_message_once(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    client = connect(transport, ben)
    acks = [rest(ann).send(receiver_id=ben.user_id, message=str(i)) for i in range(5)]
    client.fence()
    assert [m["id"] for m in client.messages(acks[0]["conversationId"])] == [ack["id"] for ack in acks]


def test_simultaneous_senders_see_the_same_order(connect: Connect, ann: Account, ben: Account, transport: str) -> None:
    """Both users send from other sessions. The watched sessions of both get 1, 2, 3… with the same ids."""
    watchers = [connect(transport, ann), connect(transport, ben)]
    talkers = [(connect("ws", ann), ben), (connect("ws", ben), ann)]
    conversation = talkers[0][0].send("first", receiver_id=ben.user_id)["conversationId"]

    def talk(client: WsClient, other: Account) -> None:
        refs = [client.send_nowait(f"{i}", receiver_id=other.user_id) for i in range(25)]
        for ref in refs:
            client.answer(ref)

    threads = [threading.Thread(target=talk, args=pair) for pair in talkers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for watcher in watchers:
        wait_for_seq(watcher, conversation, 51)
        assert seqs(watcher, conversation) == list(range(1, 52))
    assert [m["id"] for m in watchers[0].messages(conversation)] == [
        m["id"] for m in watchers[1].messages(conversation)
    ]


def test_pipelined_frames_are_acked_in_the_order_of_sending(
    connect: Connect, rows: Any, ann: Account, ben: Account
) -> None:
    client: WsClient = connect("ws", ann)
    refs = [client.send_nowait(f"{i}", receiver_id=ben.user_id) for i in range(100)]
    acks = [client.answer(ref).data for ref in refs]
    assert [ack["seq"] for ack in acks] == list(range(1, 101))
    assert [row[3] for row in rows(acks[0]["conversationId"])] == [str(i) for i in range(100)]


@pytest.mark.parametrize("make_id", [lambda: str(uuid.uuid4()), uuid7], ids=["v4", "v7"])
def test_sending_order_is_kept_while_an_idle_conversation_is_loaded(
    server: Stack, connect: Connect, ann: Account, ben: Account, make_id: Callable[[], str]
) -> None:
    client: WsClient = connect("ws", ann)
    conversation = client.send("first", receiver_id=ben.user_id)["conversationId"]
    with server.shards() as shards:
        shard = shards.of(conversation)
        assert shard.redis.delete(shard.keys.conversation(conversation)) == 1
    refs = [client.send_nowait(str(i), conversation_id=conversation, id=make_id()) for i in range(100)]
    assert [client.answer(ref).data["seq"] for ref in refs] == list(range(2, 102))


def test_rest_answers_201_when_stored(rest: MakeRest, ann: Account, ben: Account) -> None:
    response = rest(ann).post_message(receiver_id=ben.user_id)
    assert (response.status_code, response.json()["status"]) == (201, "stored")


def test_server_generates_a_missing_id(connect: Connect, ann: Account, ben: Account, transport: str) -> None:
    ack = connect(transport, ann).send(receiver_id=ben.user_id, id=None)
    assert str(uuid.UUID(ack["id"])) == ack["id"]


def test_send_by_conversation_and_by_receiver(connect: Connect, ann: Account, ben: Account, transport: str) -> None:
    one, other = connect(transport, ann), connect(transport, ben)
    first = one.send("hello", receiver_id=ben.user_id)
    answer = other.send("hello yourself", conversation_id=first["conversationId"])
    back = other.send("by name", receiver_id=ann.user_id)
    assert {first["conversationId"], answer["conversationId"], back["conversationId"]} == {first["conversationId"]}
    assert [first["seq"], answer["seq"], back["seq"]] == [1, 2, 3]
    one.next_message(back["id"])


def test_receiver_id_in_the_event_is_the_other_member_for_both_senders(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    client = connect("ws", ann)
    ack = rest(ben).send(receiver_id=ann.user_id)
    got = client.next_message(ack["id"])
    assert (got["senderId"], got["receiverId"]) == (ben.user_id, ann.user_id)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 8000,
        "\U0001f600" * 8000,
        "line\nline\r\n\ttab",
        "\u2028\u2029\ufeff\u200d",
        '"}]\\"data: id: 7\n\nevent: x',
        "<script>alert(1)</script>",
        " ",
    ],
    ids=["longest", "longest-astral", "newlines", "separators", "sse-injection", "markup", "blank"],
)
def test_text_arrives_as_it_was_sent(connect: Connect, ann: Account, ben: Account, transport: str, text: str) -> None:
    receiver = connect(transport, ben)
    ack = connect(transport, ann).send(text, receiver_id=ben.user_id)
    assert receiver.next_message(ack["id"])["message"] == text


def test_kind_and_reply_reach_the_receiver(connect: Connect, ann: Account, ben: Account, transport: str) -> None:
    sender, receiver = connect(transport, ann), connect(transport, ben)
    first = sender.send("question", receiver_id=ben.user_id)
    ack = sender.send("answer", receiver_id=ben.user_id, kind="location", replyTo=first["id"])
    got = receiver.next_message(ack["id"])
    assert (got["kind"], got["replyTo"]) == ("location", first["id"])


NULLS = dict.fromkeys(("id", "senderId", "conversationId", "kind", "attachments", "replyTo", "forward"))


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_null_counts_as_absent(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, by: str
) -> None:
    receiver = connect(transport, ben)
    body = {**NULLS, "receiverId": ben.user_id, "message": "with nulls"}
    ws: WsClient = connect("ws", ann)
    ack = ws.command("send_message", body).data if by == "ws" else rest(ann).json("POST", "/messages", json=body)
    got = receiver.next_message(ack["id"])
    assert (got["message"], got["kind"], got["attachments"]) == ("with nulls", "text", [])
    assert got.keys().isdisjoint({"replyTo", "forwarded"})


def test_send_without_text_and_media_is_invalid(rest: MakeRest, ann: Account, ben: Account) -> None:
    with refused("invalid"):
        rest(ann).json("POST", "/messages", json={**NULLS, "receiverId": ben.user_id, "message": ""})


def test_simultaneous_first_messages_open_one_direct_conversation(rest: MakeRest, ann: Account, ben: Account) -> None:
    acks: list[dict[str, Any]] = []
    clients = [(rest(ann), ben), (rest(ben), ann)] * 3
    threads = [threading.Thread(target=lambda c=c, o=o: acks.append(c.send(receiver_id=o.user_id))) for c, o in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({ack["conversationId"] for ack in acks}) == 1
    assert sorted(ack["seq"] for ack in acks) == [1, 2, 3, 4, 5, 6]
