"""fetch_unread_messages: unread messages stay until read, come oldest first, and count as delivered once fetched."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import refused, send_many
from tests.support.clients import Account


def fill(rest: MakeRest, sender: Account, receiver: Account, count: int) -> int:
    return send_many(rest(sender), receiver, count)


def test_messages_stay_unread_until_read(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    conversation = fill(rest, ann, ben, 3)
    client = connect(transport, ben)
    for _ in range(2):
        assert [m["seq"] for m in client.fetch_unread()["messages"]] == [1, 2, 3]
    client.delivered(conversation, 3)
    assert [m["seq"] for m in client.fetch_unread()["messages"]] == [1, 2, 3]
    client.read(conversation, 2)
    assert [m["seq"] for m in client.fetch_unread()["messages"]] == [3]
    client.read(conversation, 3)
    assert client.fetch_unread() == {"messages": [], "hasMore": False}


def test_oldest_come_first_and_has_more_announces_the_rest(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    conversation = fill(rest, ann, ben, 5)
    client = connect(transport, ben)
    page = client.fetch_unread(limit=2)
    assert ([m["seq"] for m in page["messages"]], page["hasMore"]) == ([1, 2], True)
    client.read(conversation, 2)
    page = client.fetch_unread(limit=3)
    assert ([m["seq"] for m in page["messages"]], page["hasMore"]) == ([3, 4, 5], False)


def test_all_conversations_or_one(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    first, second = fill(rest, ann, ben, 2), fill(rest, eve, ben, 1)
    client = connect(transport, ben)
    everything = client.fetch_unread()["messages"]
    assert [(m["conversationId"], m["seq"]) for m in everything] == [(first, 1), (first, 2), (second, 1)]
    assert [m["conversationId"] for m in client.fetch_unread(conversation_id=second)["messages"]] == [second]


def test_unread_messages_are_complete(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    ack = rest(ann).send(receiver_id=ben.user_id, message="whole")
    (got,) = connect(transport, ben).fetch_unread()["messages"]
    assert set(got) >= {"id", "conversationId", "seq", "senderId", "message", "kind", "attachments", "sentAt"}
    assert (got["id"], got["sentAt"], got["message"]) == (ack["id"], ack["sentAt"], "whole")
    assert (got["status"], got["reactions"]) == ("delivered", [])


def test_unread_messages_equal_the_history(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    made = group(ann, ben, eve)
    sent = [rest(ann).send(conversation_id=made, message=text)["id"] for text in ("one", "two")]
    for who, emoji in ((eve, "👍"), (ben, "👍"), (ann, "❤️")):
        rest(who).react(sent[0], emoji, made)
    rest(eve).react(sent[1], "👍", made)
    rest(eve).react(sent[1], "👍", made, on=False)

    def shown() -> list[Any]:
        found = connect(transport, ben).fetch_unread()["messages"]
        return [(m["status"], m["reactions"]) for m in found if m["id"] in sent]

    both = {"emoji": "👍", "count": 2, "mine": True}
    reactions: list[list[Any]] = [[both, {"emoji": "❤️", "count": 1, "mine": False}], []]
    assert shown() == [("stored", reactions[0]), ("stored", reactions[1])]
    rest(eve).delivered(made, 2)
    assert shown() == [("delivered", reactions[0]), ("stored", reactions[1])]
    rest(eve).read(made, 3)
    assert shown() == [("delivered", reactions[0]), ("delivered", reactions[1])]
    assert "receipts" not in str(connect(transport, ben).fetch_unread())


def test_reaction_is_mine_only_for_its_author(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    made = group(ann, ben, eve)
    sent = rest(ann).send(conversation_id=made)["id"]
    rest(eve).react(sent, "👍", made)
    clients = {account.user_id: connect(transport, account) for account in (ben, eve)}
    for user_id, client in clients.items():
        [message] = [m for m in client.fetch_unread()["messages"] if m["id"] == sent]
        assert message["reactions"] == [{"emoji": "👍", "count": 1, "mine": user_id == eve.user_id}]


def test_fetching_marks_delivered_and_notifies_the_sender(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    sender = connect(transport, ann)
    conversation = fill(rest, ann, ben, 3)
    rest(ben).fetch_unread()
    event = sender.next_event("message_delivered")
    assert event.data == {"conversationId": conversation, "userId": ben.user_id, "seq": 3}


def test_ones_own_messages_are_never_unread(connect: Connect, ann: Account, ben: Account, transport: str) -> None:
    client = connect(transport, ann)
    client.send("mine", receiver_id=ben.user_id)
    assert client.fetch_unread()["messages"] == []


def test_unread_counts_follow_the_messages(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation = fill(rest, ann, ben, 3)
    assert rest(ben).conversation(conversation)["unread"] == 3
    rest(ben).read(conversation, 1)
    assert rest(ben).conversation(conversation)["unread"] == 2
    assert connect("ws", ben).joined.data["unread"] == [{"conversationId": conversation, "count": 2}]
    rest(ben).read(conversation, 3)
    assert connect("ws", ben).joined.data["unread"] == []


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_limit_out_of_bounds_is_refused(connect: Connect, ann: Account, transport: str, limit: int) -> None:
    with refused("invalid"):
        connect(transport, ann).fetch_unread(limit=limit)


def test_default_page_is_two_hundred(connect: Connect, ann: Account, ben: Account) -> None:
    sender = connect("ws", ann)
    refs = [sender.send_nowait(str(i), receiver_id=ben.user_id) for i in range(201)]
    for ref in refs:
        sender.answer(ref)
    page = connect("ws", ben).fetch_unread()
    assert (len(page["messages"]), page["hasMore"]) == (200, True)
    assert len(connect("ws", ben).fetch_unread(limit=1000)["messages"]) == 201


def test_ones_own_group_changes_are_unread_only_for_the_others(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    made = group(ann, ben)
    for act in (
        lambda: rest(ann).add(made, eve.user_id),
        lambda: rest(ann).change(made, name="Another"),
        lambda: rest(ann).give_role(made, ben.user_id, "admin"),
        lambda: rest(ann).remove(made, eve.user_id),
    ):
        act()
        assert rest(ann).conversation(made)["unread"] == 0
    mine, theirs = connect(transport, ann), connect(transport, ben)
    assert mine.joined.data["unread"] == []
    assert mine.fetch_unread() == {"messages": [], "hasMore": False}
    assert theirs.joined.data["unread"] == [{"conversationId": made, "count": 5}]
    types = [m["system"]["type"] for m in theirs.fetch_unread()["messages"]]
    assert types == ["created", "added", "info", "role", "removed"]
