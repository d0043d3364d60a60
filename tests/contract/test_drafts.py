"""Drafts: texts that a user has begun to write, on all of their devices and nowhere else."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, exported, listed, refused
from tests.contract.expect_groups import bring_back
from tests.support.clients import Account, RestClient

REPLY = str(uuid.uuid4())


def draft(rest: RestClient, conversation_id: int, message: str, **more: str) -> dict[str, Any]:
    return rest.json("PUT", f"/conversations/{conversation_id}/draft", json={"message": message, **more})


def drafts(rest: RestClient, conversation_id: int) -> list[Any]:
    """Returns the draft as the conversation and the list show it, without its time."""
    shown = [rest.conversation(conversation_id).get("draft"), listed(rest, conversation_id).get("draft")]
    return [one and {name: value for name, value in one.items() if name != "updatedAt"} for one in shown]


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_draft_reaches_only_the_sessions_of_its_user(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, by: str
) -> None:
    mine = [connect(transport, ben) for transport in ALL]
    theirs = [connect(transport, ann) for transport in ALL]
    for given in ({"message": "Dear", "replyTo": REPLY}, {"message": "Dear Ann"}, {"message": ""}):
        if by == "ws":
            ack = mine[0].command("set_draft", {"conversationId": made, **given}).data
        else:
            ack = draft(rest(ben), made, **given)
        assert ack == {"conversationId": made, "status": "stored"}
        for client in mine:
            event = client.next_event("draft_updated")
            assert event.data.pop("updatedAt")
            assert event.data == {"conversationId": made, **given}
            assert event.cursor
        assert drafts(rest(ben), made) == ([given] * 2 if given["message"] else [None] * 2)
        assert drafts(rest(ann), made) == [None] * 2
    for client in theirs:
        client.fence()
        assert client.named("draft_updated") == []


def test_delete_removes_the_draft_and_no_message_does(rest: MakeRest, made: int, ann: Account) -> None:
    draft(rest(ann), made, "half")
    rest(ann).send(conversation_id=made, message="whole")
    assert drafts(rest(ann), made) == [{"message": "half"}] * 2
    for _ in range(2):
        rest(ann).json("DELETE", f"/conversations/{made}/draft")
        assert drafts(rest(ann), made) == [None] * 2


def test_reply_without_text_is_a_draft(rest: MakeRest, made: int, ann: Account) -> None:
    draft(rest(ann), made, "", replyTo=REPLY)
    assert drafts(rest(ann), made) == [{"message": "", "replyTo": REPLY}] * 2


def test_last_writer_wins(connect: Connect, rest: MakeRest, made: int, ann: Account) -> None:
    one, other = connect("ws", ann), connect("ws", ann)
    one.command("set_draft", {"conversationId": made, "message": "from the phone"})
    other.command("set_draft", {"conversationId": made, "message": "from the desk"})
    assert drafts(rest(ann), made) == [{"message": "from the desk"}] * 2


def test_resume_brings_the_latest_drafts(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    other = rest(ben).direct(ann.user_id)["id"]
    draft(rest(ben), other, "deleted meanwhile")
    away, stranger = connect(transport, ben), connect(transport, ann)
    away.kill()
    stranger.kill()
    for message in ("a", "ab", "abc"):
        draft(rest(ben), made, message)
    rest(ben).json("DELETE", f"/conversations/{other}/draft")
    away.join(away.cursor)
    stranger.join(stranger.cursor)

    def latest() -> dict[int, str]:
        return {event.data["conversationId"]: event.data["message"] for event in away.named("draft_updated")}

    eventually(lambda: latest() == {made: "abc", other: ""}, "both drafts on resume")
    stranger.fence()
    assert stranger.named("draft_updated") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"message": 5}, "invalid"),
        ({"message": None}, "invalid"),
        ({"message": "x" * 8001}, "too_large"),
        ({"message": "a\x00b"}, "invalid"),
        ({"message": "a", "replyTo": "not-an-id"}, "invalid"),
    ],
)
def test_bad_draft_is_refused(
    connect: Connect, rest: MakeRest, made: int, ann: Account, body: dict[str, Any], code: str
) -> None:
    with refused(code):
        rest(ann).json("PUT", f"/conversations/{made}/draft", json=body)
    with refused(code):
        connect("ws", ann).command("set_draft", {"conversationId": made, **body})


def test_draft_may_be_as_long_as_a_message(rest: MakeRest, made: int, ann: Account) -> None:
    draft(rest(ann), made, "\u4f60" * 8000)
    assert drafts(rest(ann), made) == [{"message": "\u4f60" * 8000}] * 2


def test_non_members_have_no_draft(rest: MakeRest, connect: Connect, made: int, eve: Account) -> None:
    for conversation_id in (made, 2**40):
        with refused("not_found"):
            draft(rest(eve), conversation_id, "hello")
        with refused("not_found"):
            rest(eve).json("DELETE", f"/conversations/{conversation_id}/draft")
    with refused("not_found"):
        connect("ws", eve).command("set_draft", {"conversationId": made, "message": "hello"})


def test_leaving_deletes_the_draft(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    draft(rest(ben), made, "hello")
    rest(ben).leave(made)
    bring_back(rest, made, ann, ben)
    assert drafts(rest(ben), made) == [None] * 2


def test_draft_is_in_no_search_of_anybody(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    draft(rest(ben), made, "serendipity")
    assert rest(ben).search("serendipity") == rest(ann).search("serendipity") == []


def test_deleted_account_has_no_drafts(rest: MakeRest, made: int, ann: Account, ben: Account, stored: Engine) -> None:
    draft(rest(ben), made, "hello")
    draft(rest(ann), made, "stays")
    rest(ben).json("DELETE", "/me", json={"password": ben.password})

    def left() -> list[int]:
        query = text("select user_id from drafts where conversation_id = :c")
        with stored.connect() as connection:
            return list(connection.execute(query, {"c": made}).scalars())

    eventually(lambda: left() == [ann.user_id], "the deletion", timeout=30)


def test_export_has_the_draft(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    draft(rest(ben), made, "hello", replyTo=REPLY)
    draft(rest(ann), made, "not Ben's")
    lines = exported(rest(ben))
    [line] = [line for line in lines if line["type"] == "conversation" and line["id"] == made]
    assert (line["draft"]["message"], line["draft"]["replyTo"]) == ("hello", REPLY)
    assert "not Ben's" not in json.dumps(lines)
