"""Metadata of messages: live, on resume and in every list, before and after it is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, exported, refused
from tests.contract.expect_groups import one
from tests.contract.test_accepted import frozen_worker
from tests.support.clients import Account, EventClient, RestClient

__all__ = ["frozen_worker"]

ORDER = {"order": {"id": "A-17", "lines": [{"sku": "x", "count": 2}]}, "price": 12.5, "漢": None, "big": 1e21}
CHANGED = {"order": {"id": "A-17", "shipped": True}}


def unread(rest: RestClient) -> list[Any]:
    return [message.get("metadata") for message in rest.fetch_unread()["messages"] if message["kind"] != "system"]


def patch(rest: RestClient, id_: str, **body: Any) -> dict[str, Any]:
    return rest.json("PATCH", f"/messages/{id_}", json=body)


def changed(id_: str) -> Callable[[Any], bool]:
    return lambda event: event.name == "message_updated" and event.data["id"] == id_


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_metadata_reaches_every_session_and_every_list(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, by: str
) -> None:
    readers = [connect(transport, who) for transport in ALL for who in (ann, ben)]
    sender = connect("ws", ann) if by == "ws" else rest(ann)
    ack = sender.send(conversation_id=made, message="searchable order", metadata=ORDER)
    assert "metadata" not in ack
    for reader in readers:
        assert reader.next_message(ack["id"])["metadata"] == ORDER
    reader = rest(ben)
    eventually(lambda: one(reader, made, 2)["status"] != "accepted", "the message is stored")
    assert one(reader, made, 2)["metadata"] == ORDER
    assert unread(reader) == [ORDER]
    assert reader.conversation(made)["lastMessage"]["metadata"] == ORDER
    rest(ann).pin(ack["id"], made)
    reader.json("PUT", f"/messages/{ack['id']}/star")
    for path in (f"/conversations/{made}/pins", "/starred", "/search?q=searchable"):
        [found] = reader.json("GET", path)["messages"]
        assert found["metadata"] == ORDER, path
    lines = exported(rest(ann))
    assert [line["metadata"] for line in lines if line.get("id") == ack["id"]] == [ORDER]


def test_metadata_is_kept_in_the_unstored_tail_and_on_resume(
    frozen_worker: Any, connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    sender, away = connect("ws", ann), connect(transport, ben)
    away.kill()
    sender.send_nowait("not stored yet", receiver_id=ben.user_id, metadata=ORDER)
    away.reconnect()
    event = away.next_event("receive_message")
    assert event.data["metadata"] == ORDER
    conversation_id = event.data["conversationId"]
    assert unread(rest(ben)) == [ORDER]
    assert one(rest(ben), conversation_id, 1)["metadata"] == ORDER
    edit = sender.command_nowait("edit_message", {"id": event.data["id"], "metadata": CHANGED})
    assert away.next_event(changed(event.data["id"])).data["metadata"] == CHANGED
    assert one(rest(ben), conversation_id, 1)["metadata"] == CHANGED
    frozen_worker()
    sender.answer(edit)
    assert one(rest(ben), conversation_id, 1)["metadata"] == CHANGED
    assert one(rest(ben), conversation_id, 1)["message"] == "not stored yet"


def test_message_without_metadata_has_no_such_field(rest: MakeRest, made: int, ann: Account) -> None:
    for empty in ({}, None):
        rest(ann).send(conversation_id=made, message="plain", metadata=empty)
    rest(ann).send(conversation_id=made, message="plain")
    assert all("metadata" not in message for message in rest(ann).history(made)["messages"])


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_edit_changes_only_what_it_names(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str, by: str
) -> None:
    live, author = connect(transport, ben), connect("ws", ann)
    sent = rest(ann).send(conversation_id=made, message="old", metadata=ORDER)
    id_ = sent["id"]

    def change(text: str, shown_metadata: Any, **body: Any) -> None:
        if by == "ws":
            author.command("edit_message", {"id": id_, **body})
        else:
            patch(rest(ann), id_, **body)
        for shown in (live.next_event(changed(id_)).data, one(rest(ben), made, 2)):
            assert (shown["message"], shown.get("metadata")) == (text, shown_metadata)

    change("new", ORDER, message="new")
    change("new", CHANGED, metadata=CHANGED)
    change("both", ORDER, message="both", metadata=ORDER)
    change("both", None, metadata=None)
    change("again", CHANGED, message="again", metadata=CHANGED)
    change("again", None, metadata={})
    edits = rest(ann).json("GET", f"/messages/{id_}/edits")["edits"]
    assert [earlier["message"] for earlier in edits] == ["old", "new", "both"], "edits of metadata replace no text"


def test_edit_with_after_protects_the_metadata(rest: MakeRest, made: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=made, message="text", metadata=ORDER)
    patch(rest(ann), sent["id"], metadata=CHANGED, after=sent["sentAt"])
    assert patch(rest(ann), sent["id"], metadata=CHANGED, after=sent["sentAt"])["seq"] == sent["seq"]
    with refused("conflict"):
        patch(rest(ann), sent["id"], metadata=ORDER, after=sent["sentAt"])
    assert one(rest(ann), made, 2)["metadata"] == CHANGED


def test_resume_brings_the_edited_metadata(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=made, message="text", metadata=ORDER)
    away = connect(transport, ben)
    away.kill()
    patch(rest(ann), sent["id"], metadata=CHANGED)
    away.reconnect()
    assert away.next_event(changed(sent["id"])).data["metadata"] == CHANGED


def test_deleted_and_forwarded_messages_have_no_metadata_of_the_first(rest: MakeRest, made: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=made, message="text", metadata=ORDER)
    rest(ann).send(conversation_id=made, message="", forward={"id": sent["id"]}, metadata=CHANGED)
    rest(ann).send(conversation_id=made, message="", forward={"id": sent["id"]})
    rest(ann).delete(sent["id"], made)
    deleted, marked, plain = rest(ann).history(made)["messages"][1:]
    assert "metadata" not in deleted
    assert (marked["message"], marked["metadata"]) == ("text", CHANGED)
    assert "metadata" not in plain


def refuse(client: RestClient | EventClient, conversation_id: int, metadata: Any, code: str, sent: str) -> None:
    with refused(code) as caught:
        client.send(conversation_id=conversation_id, message="text", metadata=metadata)
    assert [error["field"].split(".")[0] for error in caught.value.data["errors"]] == ["metadata"]
    with refused(code):
        if isinstance(client, RestClient):
            patch(client, sent, metadata=metadata)
        else:
            client.command("edit_message", {"id": sent, "metadata": metadata})  # type: ignore[attr-defined]


@pytest.mark.parametrize("by", ["ws", "rest"])
@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"a": "x" * 4096}, "too_large"),
        ({"n": [1e300] * 20}, "too_large"),
        ({"a": {"b": {"c": {"d": {"e": {}}}}}}, "invalid"),
        ({"a": "\x00"}, "invalid"),
        ([], "invalid"),
        ("text", "invalid"),
        (7, "invalid"),
    ],
    ids=["size", "numbers", "levels", "nul", "list", "text", "number"],
)
def test_bad_metadata_is_refused(
    connect: Connect, rest: MakeRest, made: int, ann: Account, by: str, metadata: Any, code: str
) -> None:
    sent = rest(ann).send(conversation_id=made, message="text")
    refuse(connect("ws", ann) if by == "ws" else rest(ann), made, metadata, code, sent["id"])
    assert len(rest(ann).history(made)["messages"]) == 2


def test_edit_of_nothing_is_refused(connect: Connect, rest: MakeRest, made: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=made, message="text")
    with refused("invalid") as caught:
        patch(rest(ann), sent["id"])
    assert caught.value.data["errors"] == [{"field": "message", "message": "is required"}]
    with refused("invalid"):
        connect("ws", ann).command("edit_message", {"id": sent["id"]})


def test_answers_stay_within_their_size(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    """Texts of one character: only the metadata fills the answers."""
    reader = connect(transport, ben)
    cursor, wide, count = reader.cursor, {"a": "x" * 4000}, 100
    reader.finish()
    acks = [rest(ann).send(receiver_id=ben.user_id, message="x", metadata=wide) for _ in range(count)]
    conversation_id = int(acks[0]["conversationId"])
    eventually(lambda: rest(ben).conversation(conversation_id)["unread"] == count, "all messages")
    answer = rest(ben).history(conversation_id, limit=100)
    assert answer["hasMore"]
    assert len(json.dumps(answer)) <= 256 * 1024
    resumed = connect(transport, ben, cursor)
    eventually(lambda: len(resumed.messages(conversation_id)) == count, "all of them")
    assert not resumed.ended
