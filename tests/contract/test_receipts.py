"""Delivered and read receipts: cumulative, monotonic, and sent to the members."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import eventually, refused, send_many
from tests.support.clients import Account, Event, EventClient, RestClient


def marks(client: EventClient, name: str, user_id: int) -> list[int]:
    return [e.data["seq"] for e in client.named(name) if e.data["userId"] == user_id]


def member(rest: RestClient, conversation: int, user_id: int) -> dict[str, Any]:
    return next(m for m in rest.conversation(conversation)["members"] if m["userId"] == user_id)


def is_mark(name: str, user_id: int, seq: int) -> Any:
    def match(event: Event) -> bool:
        return event.name == name and event.data["userId"] == user_id and event.data["seq"] == seq

    return match


@pytest.mark.parametrize("what", ["delivered", "read"])
def test_receipts_reach_the_other_member_and_ones_own_devices(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, what: str
) -> None:
    sender = connect(transport, ann)
    conversation = send_many(rest(ann), ben, 3)
    receiver, tab = connect(transport, ben, ack="client"), connect(transport, ben, ack="client")
    getattr(receiver, what)(conversation, 2)
    for client in (sender, tab):
        event = client.next_event(f"message_{what}")
        assert event.data == {"conversationId": conversation, "userId": ben.user_id, "seq": 2}
        assert event.cursor


@pytest.mark.parametrize("what", ["delivered", "read"])
def test_marks_only_move_forward(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, what: str
) -> None:
    sender = connect(transport, ann)
    conversation = send_many(rest(ann), ben, 3)
    receiver = connect(transport, ben, ack="client")
    for seq in (2, 1, 2, 3, 1):
        getattr(receiver, what)(conversation, seq)
    sender.fence()
    assert marks(sender, f"message_{what}", ben.user_id) == [2, 3]
    assert member(rest(ann), conversation, ben.user_id)[f"{what}Seq"] == 3


def test_read_implies_delivered(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    rest(ben).read(conversation, 1)
    found = member(rest(ann), conversation, ben.user_id)
    assert (found["deliveredSeq"], found["readSeq"]) == (1, 1)


@pytest.mark.parametrize("what", ["delivered", "read"])
def test_ack_contains_the_current_mark(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, what: str
) -> None:
    conversation = send_many(rest(ann), ben, 3)
    mark = getattr(connect(transport, ben, ack="client"), what)
    for seq, stored_seq in ((0, 0), (2, 2), (1, 2), (9999, 3), (9999, 3), (2, 3)):
        assert mark(conversation, seq) == {"conversationId": conversation, "seq": stored_seq, "status": "stored"}


def test_read_mark_moves_the_delivered_mark(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation = send_many(rest(ann), ben, 2)
    assert rest(ben).read(conversation, 2)["seq"] == 2
    assert rest(ben).delivered(conversation, 1)["seq"] == 2


@pytest.mark.parametrize("what", ["delivered", "read"])
def test_mark_past_the_end_moves_to_the_end(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, what: str
) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    assert getattr(rest(ben), what)(conversation, 10**9)["seq"] == 1
    assert member(rest(ann), conversation, ben.user_id)[f"{what}Seq"] == 1
    rest(ann).send(receiver_id=ben.user_id)
    assert [m["seq"] for m in rest(ben).fetch_unread()["messages"]] == ([2] if what == "read" else [1, 2])


@pytest.mark.parametrize("transport", ["ws", "poll"])
def test_auto_mode_marks_messages_of_a_live_session_delivered(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    sender = connect("ws", ann)
    connect(transport, ben)
    seq = [rest(ann).send(receiver_id=ben.user_id)["seq"] for _ in range(3)][-1]
    sender.next_event(is_mark("message_delivered", ben.user_id, seq), 30)
    assert marks(sender, "message_read", ben.user_id) == []


def test_client_mode_marks_nothing_by_itself(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    sender, receiver = connect("ws", ann), connect("ws", ben, ack="client")
    ack = rest(ann).send(receiver_id=ben.user_id)
    receiver.next_message(ack["id"])
    receiver.ping()
    sender.fence()
    assert marks(sender, "message_delivered", ben.user_id) == []
    receiver.delivered(ack["conversationId"], ack["seq"])
    sender.next_event(is_mark("message_delivered", ben.user_id, ack["seq"]))


def test_event_stream_client_confirms_over_rest(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    sender, receiver = connect("sse", ann), connect("sse", ben, ack="client")
    ack = rest(ann).send(receiver_id=ben.user_id)
    receiver.next_message(ack["id"])
    receiver.delivered(ack["conversationId"], ack["seq"])
    sender.next_event(is_mark("message_delivered", ben.user_id, ack["seq"]))


def test_sender_sees_the_status_of_a_message(rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]

    def status() -> str:
        return str(rest(ann).history(conversation)["messages"][0]["status"])

    assert status() == "stored"
    rest(ben).delivered(conversation, 1)
    eventually(lambda: status() == "delivered", "status delivered")
    rest(ben).read(conversation, 1)
    eventually(lambda: status() == "read", "status read")


@pytest.mark.parametrize("seq", [-1, "1", None, 1.5, 2**63])
def test_invalid_seq_is_refused(connect: Connect, rest: MakeRest, ann: Account, ben: Account, seq: Any) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    for client in (connect("ws", ben), rest(ben)):
        with refused("invalid"):
            client.read(conversation, seq)


def test_marks_survive_a_restart_of_the_clients(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    first = connect("ws", ben)
    first.read(conversation, 1)
    first.close()
    assert connect("ws", ben).joined.data["unread"] == []
