"""Messages under a block: the blocked user notices nothing, and the blocking user receives nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import refused, uuid7
from tests.contract.expect_groups import texts
from tests.support.clients import Account


def block(rest: Any, user: Account, *, on: bool = True) -> None:
    assert rest.request("PUT" if on else "DELETE", f"/blocks/{user.user_id}").status_code == 204


def test_message_of_a_blocked_user_is_acked_but_not_delivered(
    connect: Connect, rest: MakeRest, rows: Any, ann: Account, ben: Account, transport: str
) -> None:
    before = rest(ben).send(receiver_id=ann.user_id, message="before")
    block(rest(ann), ben)
    here, away = connect(transport, ann), connect(transport, ann)
    away.kill()
    ack = connect(transport, ben).send("let me explain", receiver_id=ann.user_id)
    assert (ack["status"], ack["seq"], ack["conversationId"]) == ("stored", 2, before["conversationId"])
    assert [row[3] for row in rows(before["conversationId"])] == ["before", "let me explain"]
    away.reconnect()
    for client in (here, away):
        client.fence()
        assert ack["id"] not in [message["id"] for message in client.messages()]
    assert [m["message"] for m in rest(ann).fetch_unread()["messages"]] == ["before"]
    assert texts(rest(ann), before["conversationId"]) == ["before"]
    assert texts(rest(ben), before["conversationId"]) == ["before", "let me explain"]
    assert rest(ann).conversation(before["conversationId"])["unread"] == 1


def test_unblocking_delivers_only_later_messages(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    block(rest(ann), ben)
    hidden = rest(ben).send(receiver_id=ann.user_id, message="hidden")
    client = connect(transport, ann)
    block(rest(ann), ben, on=False)
    seen = rest(ben).send(receiver_id=ann.user_id, message="seen")
    assert client.next_message(seen["id"])["message"] == "seen"
    assert hidden["id"] not in [message["id"] for message in client.messages()]
    assert texts(rest(ann), seen["conversationId"]) == ["seen"]


def test_blocking_user_cannot_send(
    connect: Connect, rest: MakeRest, rows: Any, ann: Account, ben: Account, transport: str
) -> None:
    client = connect(transport, ann)
    ack = client.send("once", receiver_id=ben.user_id)
    block(rest(ann), ben)
    with refused("forbidden"):
        client.send("again", receiver_id=ben.user_id)
    assert len(rows(ack["conversationId"])) == 1


@pytest.mark.parametrize("again", ALL)
def test_id_acked_before_a_block_is_acked_again(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, again: str
) -> None:
    """The first ack may have been lost, and the message exists."""
    id_ = uuid7()
    ack = connect("ws", ann).send("once", receiver_id=ben.user_id, id=id_)
    block(rest(ann), ben)
    assert connect(again, ann).send("once", conversation_id=ack["conversationId"], id=id_)["seq"] == ack["seq"]


def test_block_hides_typing_in_the_direct_conversation(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    made, direct = group(ann, ben), rest(ben).direct(ann.user_id)["id"]
    watcher, typist = connect(transport, ann), connect(transport, ben)
    block(rest(ann), ben)
    typist.typing(conversation_id=direct)
    typist.typing(conversation_id=made)  # a block does not affect groups
    watcher.next_event(lambda e: e.name == "typing" and e.data["conversationId"] == made)
    assert {e.data["conversationId"] for e in watcher.named("typing")} == {made}


def test_block_does_not_affect_groups(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    made = group(ann, ben)
    block(rest(ann), ben)
    mine, theirs = connect(transport, ann), connect(transport, ben)
    assert mine.next_message(theirs.send("hello", conversation_id=made)["id"])["message"] == "hello"
    assert theirs.next_message(mine.send("yes?", conversation_id=made)["id"])["message"] == "yes?"
