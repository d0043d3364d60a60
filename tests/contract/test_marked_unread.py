"""Conversations that a user marks as unread: on their own devices, without any mark moving back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, listed, refused
from tests.support.clients import Account, EventClient, RestClient

NEW_USERS = text("""
    INSERT INTO users (username, display_name) SELECT 'm' || left(md5(random()::text), 20), 'M'
    FROM generate_series(1, 100) RETURNING id
""")


def mark(rest: RestClient, conversation_id: int, *, on: bool = True) -> dict[str, Any]:
    return rest.json("PUT" if on else "DELETE", f"/conversations/{conversation_id}/unread")


def marked(rest: RestClient, conversation_id: int) -> bool:
    """Returns the fields of the conversation, which the list must have too."""
    shown = rest.conversation(conversation_id)
    assert listed(rest, conversation_id).get("markedUnread") == shown.get("markedUnread")
    return bool(shown.get("markedUnread", False))


def told(client: EventClient) -> list[bool]:
    return [e.data["markedUnread"] for e in client.named("conversation_settings") if "markedUnread" in e.data]


@pytest.fixture
def made(group: MakeGroup, rest: MakeRest, ann: Account, ben: Account) -> int:
    """A group in which Ben has read everything."""
    conversation_id = group(ann, ben)
    seq = rest(ann).send(conversation_id=conversation_id)["seq"]
    rest(ben).read(conversation_id, seq)
    return conversation_id


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_mark_reaches_only_ones_own_sessions(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, by: str
) -> None:
    mine = [connect(transport, ben) for transport in ALL]
    theirs = [connect(transport, ann) for transport in ALL]
    before = rest(ann).conversation(made)["members"]
    for on in (True, False):
        if by == "ws":
            ack = mine[0].command("mark_unread", {"conversationId": made, "on": on}).data
        else:
            ack = mark(rest(ben), made, on=on)
        assert ack == {"conversationId": made, "status": "stored"}
        for client in mine:
            event = client.next_event("conversation_settings")
            assert event.data == {"conversationId": made, "markedUnread": on}
            assert event.cursor
        assert marked(rest(ben), made) is on
        assert not marked(rest(ann), made)
        assert rest(ann).conversation(made)["members"] == before, "no receipt is taken back"
        assert rest(ben).conversation(made)["unread"] == 0
        assert rest(ben).fetch_unread()["messages"] == []
    for client in theirs:
        client.fence()
        assert told(client) == []


def test_reading_again_ends_it(connect: Connect, rest: MakeRest, made: int, ben: Account) -> None:
    client = connect("ws", ben)
    mark(rest(ben), made)
    assert marked(rest(ben), made)
    assert client.read(made, 2)["seq"] == 2  # nothing new
    assert not marked(rest(ben), made)
    client.next_event(lambda e: e.data == {"conversationId": made, "markedUnread": False})
    client.read(made, 2)
    client.fence()
    assert told(client) == [True, False]


def test_reading_further_ends_it(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    mark(rest(ben), made)
    seq = rest(ann).send(conversation_id=made)["seq"]
    assert marked(rest(ben), made)
    assert rest(ben).conversation(made)["unread"] == 1
    rest(ben).read(made, seq)
    assert not marked(rest(ben), made)


def test_delivery_and_own_messages_do_not_end_it(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    mark(rest(ben), made)
    rest(ben).send(conversation_id=made)
    rest(ben).delivered(made, rest(ann).send(conversation_id=made)["seq"])
    assert marked(rest(ben), made)


def test_partly_read_conversation_can_be_marked(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    for _ in range(3):
        rest(ann).send(conversation_id=made)
    mark(rest(ben), made)
    assert (marked(rest(ben), made), rest(ben).conversation(made)["unread"]) == (True, 3)
    rest(ben).read(made, 3)
    assert (marked(rest(ben), made), rest(ben).conversation(made)["unread"]) == (False, 2)


def test_resume_brings_the_latest_state(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    other = rest(ben).direct(ann.user_id)["id"]
    mark(rest(ben), other)
    away = connect(transport, ben)
    away.kill()
    mark(rest(ben), made)
    mark(rest(ben), other, on=False)
    away.join(away.cursor)

    def latest() -> dict[int, bool]:
        found = [e.data for e in away.named("conversation_settings")]
        return {data["conversationId"]: data["markedUnread"] for data in found if "markedUnread" in data}

    eventually(lambda: latest() == {made: True, other: False}, "both states on resume")


def test_large_group_ends_it_too(rest: MakeRest, group: MakeGroup, stored: Engine, ann: Account, ben: Account) -> None:
    """Marks of groups of more than 100 members are batched."""
    made = group(ann, ben)
    with stored.begin() as connection:
        ids = list(connection.execute(NEW_USERS).scalars())
    for first in range(0, len(ids), 50):
        rest(ann).add(made, *ids[first : first + 50])
    seq = rest(ann).conversation(made)["lastSeq"]
    rest(ben).read(made, seq)
    mark(rest(ben), made)
    assert marked(rest(ben), made)
    rest(ben).read(made, seq)
    eventually(lambda: not marked(rest(ben), made), "the end of the mark")


def test_non_members_cannot_mark(connect: Connect, rest: MakeRest, made: int, eve: Account) -> None:
    for on in (True, False):
        with refused("not_found"):
            mark(rest(eve), made, on=on)
        with refused("not_found"):
            connect("ws", eve).command("mark_unread", {"conversationId": made, "on": on})
    with refused("not_found"):
        mark(rest(eve), 2**40)


@pytest.mark.parametrize("data", [{}, {"on": "yes"}, {"on": None}])
def test_bad_mark_is_refused(connect: Connect, made: int, ann: Account, data: dict[str, Any]) -> None:
    with refused("invalid"):
        connect("ws", ann).command("mark_unread", {"conversationId": made, **data})
