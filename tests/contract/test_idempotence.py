"""Sending an id again gives the same message: from any transport or gateway, at any later time."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import refused, uuid7
from tests.support.clients import Account
from tests.support.processes import Stack


def same(ack: dict[str, Any], other: dict[str, Any]) -> bool:
    names = ("id", "conversationId", "seq", "sentAt", "status")
    return [ack[n] for n in names] == [other[n] for n in names]


@pytest.mark.parametrize("again", ALL)
@pytest.mark.parametrize("first", ALL)
def test_same_id_gets_the_same_ack_on_any_transport(
    connect: Connect, rows: Any, ann: Account, ben: Account, first: str, again: str
) -> None:
    receiver = connect("ws", ben)
    id_ = uuid7()
    ack = connect(first, ann).send("once", receiver_id=ben.user_id, id=id_)
    second = connect(again, ann).send("once", conversation_id=ack["conversationId"], id=id_)
    assert same(ack, second)
    receiver.fence()
    assert [m["id"] for m in receiver.messages(ack["conversationId"])] == [id_]
    assert len(rows(ack["conversationId"])) == 1


@pytest.mark.parametrize("id_", [str(uuid.uuid4()), uuid7(3 * 86400)], ids=["v4", "old-v7"])
def test_same_id_gets_the_same_ack_much_later(
    server: Stack, connect: Connect, rows: Any, ann: Account, ben: Account, id_: str, transport: str
) -> None:
    """Redis has forgotten the id, so the ack comes from Postgres."""
    id_ = id_[:-4] + uuid.uuid4().hex[:4]
    client = connect(transport, ann)
    ack = client.send("once", receiver_id=ben.user_id, id=id_)
    client.send("and another", receiver_id=ben.user_id)
    with server.shards() as shards:
        shard = shards.of(ack["conversationId"])
        assert shard.redis.delete(shard.keys.dedupe_mark(ack["conversationId"], id_)) == 1
    assert same(ack, client.send("once", receiver_id=ben.user_id, id=id_))
    assert len(rows(ack["conversationId"])) == 2


def test_hundred_simultaneous_sends_of_one_id_are_one_message(
    server: Stack, connect: Connect, rows: Any, ann: Account, ben: Account
) -> None:
    """Five sessions on two gateways send twenty frames each, all with one id."""
    id_ = uuid7()
    clients = [connect("ws", ann) for _ in range(5)]
    receiver = connect("ws", ben)
    answers: list[dict[str, Any]] = []

    def send(client: Any) -> None:
        refs = [client.send_nowait("once", receiver_id=ben.user_id, id=id_) for _ in range(20)]
        answers.extend(client.answer(ref).data for ref in refs)

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 100
    assert all(same(answers[0], ack) for ack in answers)
    assert [row[1] for row in rows(answers[0]["conversationId"])] == [id_]
    receiver.fence()
    assert [m["id"] for m in receiver.messages(answers[0]["conversationId"])] == [id_]


def test_altered_text_under_the_same_id_changes_nothing(
    connect: Connect, rows: Any, ann: Account, ben: Account, transport: str
) -> None:
    client = connect(transport, ann)
    ack = client.send("original", receiver_id=ben.user_id)
    assert same(ack, client.send("altered", receiver_id=ben.user_id, id=ack["id"]))
    assert [row[3] for row in rows(ack["conversationId"])] == ["original"]


def test_id_of_another_sender_is_a_conflict(
    connect: Connect, rows: Any, ann: Account, ben: Account, transport: str
) -> None:
    ack = connect(transport, ann).send("mine", receiver_id=ben.user_id)
    with refused("conflict"):
        connect(transport, ben).send("mine now", receiver_id=ann.user_id, id=ack["id"])
    assert [row[2:] for row in rows(ack["conversationId"])] == [(ann.user_id, "mine")]


def test_same_id_in_another_conversation_is_another_message(
    rest: MakeRest, rows: Any, ann: Account, ben: Account, eve: Account
) -> None:
    first = rest(ann).send(receiver_id=ben.user_id, message="to ben")
    second = rest(ann).send(receiver_id=eve.user_id, message="to eve", id=first["id"])
    assert first["conversationId"] != second["conversationId"]
    assert rows(second["conversationId"])[0][3] == "to eve"


def test_ids_are_case_insensitive(rest: MakeRest, rows: Any, ann: Account, ben: Account) -> None:
    id_ = str(uuid.uuid4())
    ack = rest(ann).send(receiver_id=ben.user_id, id=id_)
    assert rest(ann).send(receiver_id=ben.user_id, id=id_.upper())["seq"] == ack["seq"]
    assert len(rows(ack["conversationId"])) == 1


@pytest.mark.parametrize("id_", [str(uuid.uuid4()), uuid7()], ids=["v4", "v7"])
def test_repeated_forward_is_acked_although_its_message_was_deleted(
    rest: MakeRest, ann: Account, ben: Account, id_: str
) -> None:
    mine = rest(ann)
    first = mine.send(receiver_id=ben.user_id)
    forward = {"receiverId": ann.user_id, "forward": {"id": first["id"]}, "id": id_}
    ack = mine.json("POST", "/messages", json=forward)
    mine.delete(first["id"])
    assert same(ack, mine.json("POST", "/messages", json=forward))
    with refused("not_found"):
        mine.json("POST", "/messages", json={**forward, "id": uuid7()})


@pytest.mark.parametrize("transport", ALL)
def test_former_member_gets_the_ack_of_what_they_sent(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    id_ = uuid7()
    sender = connect(transport, ben)
    ack = sender.send("once", conversation_id=made, id=id_)
    rest(ben).request("POST", f"/conversations/{made}/leave")
    assert same(ack, sender.send("once", conversation_id=made, id=id_))
    with refused("not_found"):
        sender.send("twice", conversation_id=made, id=uuid7())
    with refused("not_found"):
        sender.send("twice", conversation_id=made)
