"""References to other messages and users: replies with quotes, mentions, and forwards."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import refused
from tests.contract.expect_groups import one
from tests.support.clients import Account


@pytest.fixture
def made(group: MakeGroup, ann: Account, ben: Account, eve: Account) -> int:
    return group(ann, ben, eve)


# -- replies ------------------------------------------------


def test_reply_quotes_its_message(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    question = rest(ann).send(conversation_id=made, message="where?")
    away, client = connect(transport, ann), connect(transport, ann)
    away.kill()
    answer = connect(transport, ben).send("here", conversation_id=made, replyTo=question["id"])
    quoted = {"id": question["id"], "seq": 2, "senderId": ann.user_id, "message": "where?"}
    away.reconnect()
    for got in (client.next_message(answer["id"]), away.next_message(answer["id"]), one(rest(ann), made, 3)):
        assert (got["replyTo"], got["quoted"]) == (question["id"], quoted)


def test_long_text_is_quoted_from_its_beginning(rest: MakeRest, made: int, ann: Account) -> None:
    long = "word " * 1500
    question = rest(ann).send(conversation_id=made, message=long)
    rest(ann).send(conversation_id=made, message="yes", replyTo=question["id"])
    quoted = one(rest(ann), made, 3)["quoted"]["message"]
    assert quoted
    assert long.startswith(quoted.removesuffix("…"))


def test_quote_follows_edits_and_deletion_of_its_message(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    question = rest(ann).send(conversation_id=made, message="where?")
    rest(ben).send(conversation_id=made, message="here", replyTo=question["id"])
    rest(ann).edit(question["id"], "when?", made)
    assert one(rest(ben), made, 3)["quoted"]["message"] == "when?"
    rest(ann).delete(question["id"], made)
    left = one(rest(ben), made, 3)
    assert left["replyTo"] == question["id"]
    assert left["quoted"] == {"id": question["id"], "seq": 2, "senderId": ann.user_id}


def test_reply_to_a_missing_message_quotes_nothing(
    connect: Connect, rest: MakeRest, made: int, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    client = connect(transport, ben)
    elsewhere = rest(ann).send(conversation_id=group(ann), message="private")["id"]
    for id_ in (elsewhere, str(uuid.uuid4())):
        sent = rest(ben).send(conversation_id=made, message="here", replyTo=id_)
        for got in (client.next_message(sent["id"]), one(rest(ann), made, sent["seq"])):
            assert got["replyTo"] == id_
            assert "quoted" not in got


# -- mentions ------------------------------------------------


def test_named_members_are_mentioned(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    client, away = connect(transport, ben), connect(transport, ben)
    away.kill()
    sent = rest(ann).send(conversation_id=made, message=f"look, @{ben.username}, and @{eve.username}!")
    away.reconnect()
    for got in (client.next_message(sent["id"]), away.next_message(sent["id"]), one(rest(ben), made, 2)):
        assert set(got["mentions"]) == {ben.user_id, eve.user_id}
        assert "mentionsAll" not in got
    assert rest(ben).conversation(made)["mentions"] == 1
    assert rest(ann).conversation(made)["mentions"] == 0
    rest(ben).read(made, 2)
    assert rest(ben).conversation(made)["mentions"] == 0
    assert rest(eve).conversation(made)["mentions"] == 1


@pytest.mark.parametrize("text", ["mail ann@{name}", "@{name}more", "@nobody-of-this-name", "no one"])
def test_lookalike_of_a_mention_is_ignored(rest: MakeRest, made: int, ann: Account, ben: Account, text: str) -> None:
    rest(ann).send(conversation_id=made, message=text.format(name=ben.username))
    assert not one(rest(ben), made, 2).get("mentions")
    assert rest(ben).conversation(made)["mentions"] == 0


def test_mentions_ignore_case(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    rest(ann).send(conversation_id=made, message=f"@{ben.username.upper()}, look")
    assert one(rest(ann), made, 2)["mentions"] == [ben.user_id]


def test_non_member_is_not_mentioned(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann)
    rest(ann).send(conversation_id=made, message=f"@{ben.username}, look")
    assert not one(rest(ann), made, 2).get("mentions")
    assert rest(ben).conversations()["conversations"] == []


@pytest.mark.parametrize(("role", "counts"), [("owner", True), ("admin", True), ("member", False)])
def test_mention_of_all_counts_only_from_owners_and_admins(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, role: str, counts: bool
) -> None:
    clients = [connect(transport, eve) for transport in ALL]
    if role != "member":
        rest(ann).give_role(made, ben.user_id, role)
    sent = rest(ben).send(conversation_id=made, message="@all come here")
    for client in clients:
        assert client.next_message(sent["id"]).get("mentionsAll") is (True if counts else None)
    assert rest(eve).conversation(made)["mentions"] == int(counts)
    assert rest(ben).conversation(made)["mentions"] == 0


def test_edit_changes_the_mentions(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=made, message=f"@{ben.username}")
    client = connect(transport, eve)
    rest(ann).edit(sent["id"], f"@{eve.username}", made)
    assert client.next_event("message_updated").data["mentions"] == [eve.user_id]
    assert [rest(who).conversation(made)["mentions"] for who in (ben, eve)] == [0, 1]
    rest(ann).delete(sent["id"], made)
    assert [rest(who).conversation(made)["mentions"] for who in (ben, eve)] == [0, 0]


# -- forwarding ------------------------------------------------


def test_forwarded_message_names_its_origin(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    source = rest(ann).send(receiver_id=ben.user_id, message="pass it on")
    client, away = connect(transport, eve), connect(transport, eve)
    away.kill()
    forward = {"id": source["id"], "conversationId": source["conversationId"]}
    sent = rest(ben).send(conversation_id=made, message=None, forward=forward)
    origin = {"senderId": ann.user_id, "sentAt": source["sentAt"]}
    away.reconnect()
    for got in (client.next_message(sent["id"]), away.next_message(sent["id"]), one(rest(eve), made, 2)):
        assert (got["message"], got["senderId"], got["forwarded"]) == ("pass it on", ben.user_id, origin)


def test_forwarding_again_names_the_first_author(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    source = rest(ann).send(receiver_id=ben.user_id, message="pass it on")
    here = {"id": source["id"], "conversationId": source["conversationId"]}
    first = rest(ben).send(conversation_id=made, message=None, forward=here)
    rest(ben).send(receiver_id=ben.user_id, message=None, forward={"id": first["id"], "conversationId": made})
    notes = rest(ben).direct(ben.user_id)["id"]
    assert one(rest(ben), notes, 1)["forwarded"]["senderId"] == ann.user_id


def test_forwarding_an_unreadable_message_is_not_found(
    rest: MakeRest, made: int, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    source = rest(ann).send(receiver_id=ben.user_id, message="secret")
    foreign: dict[str, Any] = {"id": source["id"], "conversationId": source["conversationId"]}
    for forward in (foreign, {**foreign, "conversationId": 2**40}, {"id": str(uuid.uuid4()), "conversationId": made}):
        with refused("not_found"):
            rest(eve).send(conversation_id=made, message=None, forward=forward)
    assert len(rest(ann).history(made)["messages"]) == 1


def test_forwarding_under_the_same_id_is_one_message(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    source = rest(ann).send(receiver_id=ben.user_id, message="pass it on")
    forward = {"id": source["id"], "conversationId": source["conversationId"]}
    id_ = str(uuid.uuid4())
    seqs = {rest(ann).send(conversation_id=made, message=None, forward=forward, id=id_)["seq"] for _ in range(3)}
    assert seqs == {2}
