"""Editing a message: the events, their receivers, and the time limit."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, is_time, refused
from tests.contract.expect_groups import one
from tests.support.clients import Account, Event, Refused, RestClient, WsClient, register
from tests.support.processes import Stack

NOWHERE = str(uuid.UUID(int=7))


def updated(id_: str, **fields: Any) -> Any:
    def match(event: Event) -> bool:
        shown = event.name == "message_updated" and event.data["id"] == id_
        return shown and all(event.data.get(name) == value for name, value in fields.items())

    return match


@pytest.fixture
def pair(rest: MakeRest, ann: Account, ben: Account) -> int:
    return int(rest(ann).direct(ben.user_id)["id"])


@pytest.mark.parametrize("by", ALL)
def test_edit_reaches_every_session(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, by: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="frist")
    author = connect(by, ann)
    clients = [connect(transport, who) for transport in ALL for who in (ann, ben)]
    ack = author.edit(sent["id"], "first", pair)
    assert (ack["id"], ack["conversationId"], ack["seq"], ack["status"]) == (sent["id"], pair, sent["seq"], "stored")
    for client in clients:
        event = client.next_event(updated(sent["id"]))
        assert event.cursor
        assert (event.data["message"], event.data["seq"], event.data["senderId"]) == ("first", 1, ann.user_id)
        assert event.data["sentAt"] == sent["sentAt"]
        assert is_time(event.data["editedAt"])
        assert "reactions" not in event.data, "an absent member means unchanged"
    now = one(rest(ben), pair, 1)
    assert (now["message"], now["editedAt"]) == ("first", event.data["editedAt"])


def test_resume_includes_edits_of_messages_before_the_cursor(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    away = connect(transport, ben)
    away.kill()
    for text in ("two", "three"):
        rest(ann).edit(sent["id"], text, pair)
    away.reconnect()
    away.fence()
    assert [e.data["message"] for e in away.named("message_updated")][-1] == "three"
    assert away.messages(pair) == [], "an edit is not a new message"


def test_message_sent_and_edited_while_away_comes_with_its_latest_text(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    sent = rest(ann).send(conversation_id=pair, message="one")
    rest(ann).edit(sent["id"], "two", pair)
    away.reconnect()
    away.next_message(sent["id"])
    away.fence()
    shown = [e.data["message"] for e in away.events if e.data.get("id") == sent["id"]]
    assert shown[-1] == "two"


def test_message_edited_while_away_comes_at_its_last_change_and_delivers_all_of_them(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account, transport: str
) -> None:
    sender, away = connect("ws", ann), connect(transport, ben)
    away.kill()
    first, _, _ = [rest(ann).send(conversation_id=pair, message=text) for text in ("one", "two", "three")]
    rest(ann).edit(first["id"], "one, edited", pair)
    back = connect(transport, ben, away.cursor)  # at the other gateway; the first one may not have noticed yet
    back.next_event(lambda event: event.data.get("message") == "one, edited")
    back.fence()
    arrived = [(m["seq"], m["message"]) for m in back.messages(pair)]
    assert arrived == [(2, "two"), (3, "three"), (1, "one, edited")]
    assert not [event for event in back.named("message_updated") if event.data["id"] == first["id"]]
    if transport == "ws":  # readers of the other transports mark by themselves
        sender.next_event(lambda event: event.name == "message_delivered" and event.data["seq"] == 3)


def test_author_can_read_earlier_texts(rest: MakeRest, pair: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    for text in ("two", "three"):
        rest(ann).edit(sent["id"], text, pair)
    edits = rest(ann).edits(sent["id"], pair)
    assert [edit["message"] for edit in edits] == ["one", "two"]
    assert all(is_time(edit["editedAt"]) for edit in edits)
    with refused("forbidden"):
        rest(ben).edits(sent["id"], pair)


def test_edit_to_the_same_text_changes_nothing(rest: MakeRest, pair: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    assert rest(ann).edit(sent["id"], "one", pair)["seq"] == 1
    assert one(rest(ann), pair, 1)["message"] == "one"


def test_edit_needs_no_conversation_id(rest: MakeRest, pair: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    assert rest(ann).edit(sent["id"], "two")["conversationId"] == pair
    assert one(rest(ann), pair, 1)["message"] == "two"


def test_unread_and_the_list_show_the_edited_text(rest: MakeRest, pair: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    rest(ann).edit(sent["id"], "two", pair)
    assert [m["message"] for m in rest(ben).fetch_unread()["messages"]] == ["two"]
    assert rest(ben).conversation(pair)["lastMessage"]["message"] == "two"
    assert rest(ben).conversation(pair)["unread"] == 1


def test_only_the_author_can_edit(connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    for other in (rest(ben), connect("ws", ben)):
        with refused("forbidden"):
            other.edit(sent["id"], "mine", pair)
    assert one(rest(ann), pair, 1)["message"] == "one"


@pytest.mark.parametrize(
    ("text", "code"), [("", "invalid"), (None, "invalid"), (5, "invalid"), ("x" * 8001, "too_large")]
)
def test_edit_to_an_invalid_text_is_refused(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, text: Any, code: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    for client in (rest(ann), connect("ws", ann)):
        with refused(code):
            client.edit(sent["id"], text, pair)


def test_editing_a_missing_message_is_not_found(connect: Connect, rest: MakeRest, pair: int, ann: Account) -> None:
    for client in (rest(ann), connect("ws", ann)):
        for where in (pair, None, 2**40):
            with refused("not_found"):
                client.edit(NOWHERE, "x", where)
    with refused("not_found"):
        rest(ann).edit("no-uuid", "x", pair)
    with refused("invalid"):
        connect("ws", ann).edit("no-uuid", "x", pair)


def test_system_message_cannot_be_edited(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    made = group(ann)
    with refused("forbidden"):
        rest(ann).edit(one(rest(ann), made, 1)["id"], "mine", made)


@pytest.fixture
def strict(short_server: Stack, opened: list[Any]) -> Iterator[RestClient]:
    """A group owner on a server that allows edits for three seconds."""
    account = register(short_server.base_url)
    opened += [RestClient(short_server.base_url, account.access_token)]
    return opened[-1]


def test_message_cannot_be_edited_after_the_time_limit(
    strict: RestClient, opened: list[Any], short_server: Stack
) -> None:
    member = register(short_server.base_url)
    other = RestClient(short_server.base_url, member.access_token)
    opened.append(other)
    made = strict.group("Trip", [member.user_id])["id"]
    sent = other.send(conversation_id=made, message="one")
    other.edit(sent["id"], "two", made)

    def too_late() -> bool:
        try:
            other.edit(sent["id"], "three", made)
        except Refused as refused:
            return refused.code == "forbidden"
        return False

    eventually(too_late, "the end of the time limit", 30)
    with refused("forbidden"):
        other.delete(sent["id"], made)
    assert other.delete(sent["id"], made, scope="me")["seq"] == 2, "deleting for oneself is always allowed"
    assert strict.delete(sent["id"], made)["seq"] == 2, "an owner may always delete"


def test_simultaneous_edits_end_with_the_same_text_for_all(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, ben: Account
) -> None:
    clients = [connect(transport, ben) for transport in ALL]
    sent = rest(ann).send(conversation_id=pair, message="0")
    author: WsClient = connect("ws", ann)
    frames = [{"id": sent["id"], "conversationId": pair, "message": str(i)} for i in range(1, 11)]
    for ref in [author.command_nowait("edit_message", frame) for frame in frames]:
        author.answer(ref)
    last = one(rest(ann), pair, 1)["message"]
    for client in clients:
        client.fence()
        assert client.named("message_updated")[-1].data["message"] == last


@pytest.mark.parametrize("by", ["ws", "poll"], ids=["frame", "REST"])
def test_edit_that_is_repeated_after_a_newer_one_does_not_win(
    connect: Connect, rest: MakeRest, pair: int, ann: Account, by: str
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    author = connect(by, ann)
    author.edit(sent["id"], "two", pair, after=sent["sentAt"])
    first = one(rest(ann), pair, 1)["editedAt"]
    author.edit(sent["id"], "three", pair, after=first)
    with refused("conflict"):
        author.edit(sent["id"], "two", pair, after=sent["sentAt"])
    assert one(rest(ann), pair, 1)["message"] == "three"
    author.edit(sent["id"], "four", pair)
    assert one(rest(ann), pair, 1)["message"] == "four", "without `after`, the last one wins as before"


def test_repeated_edit_is_acked_again_and_changes_nothing(
    rest: MakeRest, connect: Connect, pair: int, ann: Account, ben: Account
) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    ack = rest(ann).edit(sent["id"], "two", pair, after=sent["sentAt"])
    edited = one(rest(ann), pair, 1)
    other = connect("ws", ben)
    assert rest(ann).edit(sent["id"], "two", pair, after=sent["sentAt"]) == ack
    assert one(rest(ann), pair, 1) == edited
    rest(ann).send(conversation_id=pair, message="next")
    assert other.next_event("receive_message").data["message"] == "next"
    assert not [event for event in other.events if event.name == "message_updated"]


def test_edits_that_race_with_the_same_after_leave_one_winner(rest: MakeRest, pair: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")

    def attempt(text: str) -> str:
        try:
            return str(rest(ann).edit(sent["id"], text, pair, after=sent["sentAt"])["status"])
        except Refused as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(attempt, [f"text {number}" for number in range(6)]))
    won = [number for number, outcome in enumerate(outcomes) if outcome == "stored"]
    assert sorted(outcomes) == ["conflict"] * 5 + ["stored"]
    assert one(rest(ann), pair, 1)["message"] == f"text {won[0]}"
    assert len(rest(ann).edits(sent["id"], pair)) == 1


@pytest.mark.parametrize("after", ["yesterday then", "2026-02-31T00:00:00Z", "", 7])
def test_after_that_is_no_time_is_invalid(rest: MakeRest, pair: int, ann: Account, after: Any) -> None:
    sent = rest(ann).send(conversation_id=pair, message="one")
    with refused("invalid"):
        rest(ann).edit(sent["id"], "two", pair, after=after)
