"""Quotations: members read the quotation of a message only if they may read the message, by every path."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect_groups import history
from tests.support.clients import Account
from tests.support.media_files import image_bytes

SECRET = "the old secret"


class Late(NamedTuple):
    """A "joined" group with the seqs: 2 a secret, 3 Eve joins."""

    id: int
    secret: str


@pytest.fixture
def late(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account) -> Late:
    made = group(ann, ben, history="joined")
    secret = rest(ann).send(conversation_id=made, message=SECRET)["id"]
    rest(ann).add(made, eve.user_id)
    return Late(made, secret)


def quote(message: dict[str, Any]) -> Any:
    return message.get("quoted", {}).get("message")


def test_late_member_gets_no_quotation_of_the_past_live(
    connect: Connect, rest: MakeRest, late: Late, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    blind, seeing = connect(transport, eve), connect(transport, ben)
    sent = rest(ann).send(conversation_id=late.id, message="again", replyTo=late.secret)
    assert "quoted" not in blind.next_message(sent["id"])
    assert quote(seeing.next_message(sent["id"])) == SECRET


def test_late_member_gets_no_quotation_of_the_past_on_resume(
    connect: Connect, rest: MakeRest, late: Late, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    clients = {connect(transport, ben): SECRET, connect(transport, eve): None}
    for client in clients:
        client.kill()
    sent = rest(ann).send(conversation_id=late.id, message="again", replyTo=late.secret)
    rest(ann).edit(sent["id"], "again!", late.id)
    for client, expected in clients.items():
        client.reconnect()
        assert quote(client.next_message(sent["id"])) == expected


def test_late_member_reads_no_quotation_of_the_past(
    rest: MakeRest, late: Late, ann: Account, ben: Account, eve: Account
) -> None:
    word = f"needle{late.id}"
    sent = rest(ann).send(conversation_id=late.id, message=f"{word} again", replyTo=late.secret)
    rest(ann).pin(sent["id"], late.id)
    for who, expected in ((ben, SECRET), (eve, None)):
        mine = rest(who)
        mine.request("PUT", f"/messages/{sent['id']}/star")
        reads = [
            history(mine, late.id)[-1],
            mine.conversation(late.id)["lastMessage"],
            mine.fetch_unread(conversation_id=late.id)["messages"][-1],
            mine.search(word)[0],
            mine.json("GET", f"/conversations/{late.id}/pins")["messages"][0],
            mine.json("GET", "/starred")["messages"][0],
        ]
        assert [quote(message) for message in reads] == [expected] * len(reads)


def test_sender_cannot_read_by_a_reply_what_they_could_not_read(
    connect: Connect, rest: MakeRest, late: Late, ann: Account, eve: Account
) -> None:
    listening = connect("ws", eve)
    sent = rest(eve).send(conversation_id=late.id, message="what?", replyTo=late.secret)
    assert "quoted" not in listening.next_message(sent["id"])
    assert "quoted" not in history(rest(eve), late.id)[-1]
    assert quote(history(rest(ann), late.id)[-1]) == SECRET


@pytest.mark.parametrize("author", ["ann", "eve"])
def test_edit_of_a_reply_quotes_to_each_member_what_they_may_read(
    request: pytest.FixtureRequest,
    connect: Connect,
    rest: MakeRest,
    late: Late,
    ann: Account,
    ben: Account,
    eve: Account,
    author: str,
) -> None:
    sender = request.getfixturevalue(author)
    sent = rest(sender).send(conversation_id=late.id, message="again", replyTo=late.secret)
    rest(ann).edit(late.secret, f"{SECRET}, edited", late.id)
    blind, seeing = connect("ws", eve), connect("ws", ben)
    rest(sender).edit(sent["id"], "again!", late.id)
    assert "quoted" not in blind.next_event("message_updated").data
    assert quote(seeing.next_event("message_updated").data) == f"{SECRET}, edited"
    assert "quoted" not in history(rest(eve), late.id)[-1]


def test_member_who_came_back_gets_no_quotation_of_their_absence(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, eve: Account
) -> None:
    made = group(ann, eve, history="joined")
    code = rest(ann).invite(made)["code"]
    rest(eve).leave(made)
    secret = rest(ann).send(conversation_id=made, message=SECRET)["id"]
    rest(eve).join_by(code)
    live = connect("ws", eve)
    sent = rest(ann).send(conversation_id=made, message="again", replyTo=secret)
    assert "quoted" not in live.next_message(sent["id"])
    assert "quoted" not in history(rest(eve), made)[-1]


def test_message_sent_behind_a_block_is_not_quoted_to_the_blocker(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    made = rest(ann).send(receiver_id=ben.user_id, message="hello")["conversationId"]
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    secret = rest(ben).send(conversation_id=made, message=SECRET)["id"]
    rest(ann).request("DELETE", f"/blocks/{ben.user_id}")
    live = connect("ws", ann)
    sent = rest(ben).send(conversation_id=made, message="read it", replyTo=secret)
    assert "quoted" not in live.next_message(sent["id"])
    assert "quoted" not in history(rest(ann), made)[-1]
    assert quote(history(rest(ben), made)[-1]) == SECRET


def test_late_member_gets_no_quotation_with_a_finished_picture(
    connect: Connect, rest: MakeRest, late: Late, ann: Account, ben: Account, eve: Account
) -> None:
    blind, seeing = connect("ws", eve), connect("ws", ben)
    attachments = [{"mediaId": rest(ann).upload(late.id, image_bytes())["mediaId"]}]
    sent = rest(ann).send(conversation_id=late.id, message="see", replyTo=late.secret, attachments=attachments)
    updated = [client.next_event("message_updated").data for client in (blind, seeing)]
    assert [message["id"] for message in updated] == [sent["id"]] * 2
    assert [quote(message) for message in updated] == [None, SECRET]
