"""References to other messages and users: replies with quotes, and forwards."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
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
