"""Leaving a group or being removed ends all events about it; a returning member starts afresh."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, refused, seqs
from tests.contract.expect_groups import about, bring_back, is_now, is_system, roles, texts
from tests.support.clients import Account, Event, EventClient

HOW = pytest.mark.parametrize("how", ["removed", "left"])


def depart(rest: MakeRest, made: int, owner: Account, goes: Account, how: str) -> None:
    if how == "left":
        rest(goes).leave(made)
    else:
        rest(owner).remove(made, goes.user_id)


def change_everything(rest: MakeRest, made: int, owner: Account, other: Account, old: str) -> None:
    """Performs every kind of change that a group announces to its members."""
    ack = rest(owner).send(conversation_id=made, message="after")
    rest(other).edit(old, "edited after", made)
    rest(owner).react(old, "👍", made)
    rest(owner).pin(old, made)
    rest(owner).delete(ack["id"], made)
    rest(owner).change(made, name="After")
    rest(other).read(made, ack["seq"])
    rest(owner).typing(typing=True, conversation_id=made)


def nothing_after(client: EventClient, made: int, start: int) -> list[Event]:
    return [e for e in about(client, made, start) if not e.data.get("left")]


@HOW
def test_everybody_gets_the_events_of_a_departure(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, how: str
) -> None:
    made = group(ann, ben, eve)
    staying = [connect(transport, ben) for transport in ALL]
    going = [connect(transport, eve) for transport in ALL]
    depart(rest, made, ann, eve, how)
    system: dict[str, Any] = {"type": "left"} if how == "left" else {"type": "removed", "userIds": [eve.user_id]}
    actor = eve if how == "left" else ann
    for client in staying + going:
        message = client.next_event(is_system(how, made)).data
        assert (message["system"], message["senderId"], message["seq"]) == (system, actor.user_id, 2)
    for client in staying:
        assert eve.user_id not in roles(client.next_event(is_now(made, memberCount=2)).data)
    for client in going:
        assert client.next_event(is_now(made, left=True)).data == {"id": made, "kind": "group", "left": True}


@HOW
def test_departed_member_gets_no_live_events(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, how: str
) -> None:
    made = group(ann, ben, eve)
    old = rest(ben).send(conversation_id=made, message="before")["id"]
    clients = [connect(transport, eve) for transport in ALL]
    depart(rest, made, ann, eve, how)
    starts = []
    for client in clients:
        client.next_event(is_now(made, left=True))
        client.next_event(is_system(how, made))
        starts.append(len(client.events))
    change_everything(rest, made, ann, ben, old)
    for client, start in zip(clients, starts, strict=True):
        client.fence()
        assert nothing_after(client, made, start) == []


@HOW
def test_departed_member_gets_no_later_events_on_resume(
    connect: Connect,
    rest: MakeRest,
    group: MakeGroup,
    ann: Account,
    ben: Account,
    eve: Account,
    transport: str,
    how: str,
) -> None:
    """With cursors from before, during and after the membership."""
    start = connect(transport, eve)
    cursors = [start.cursor]
    made = group(ann, ben, eve)
    old = rest(ben).send(conversation_id=made, message="before")
    start.next_message(old["id"])
    cursors.append(start.cursor)
    start.kill()
    depart(rest, made, ann, eve, how)
    change_everything(rest, made, ann, ben, old["id"])
    for cursor in cursors:
        again = connect(transport, eve, cursor)
        again.fence()
        assert max(seqs(again, made)) == 3, "the last message is the one about the departure"
        assert [m["message"] for m in again.messages(made) if "after" in m["message"]] == []
        known = {"receive_message", "conversation_updated", "message_updated", "message_delivered", "message_read"}
        assert {e.name for e in about(again, made)} <= known
        assert all("after" not in str(e.data) and "After" not in str(e.data) for e in about(again, made))
        again.kill()
    last = connect(transport, eve, again.cursor)
    last.fence()
    assert about(last, made) == []


@HOW
def test_offline_member_gets_the_messages_up_to_the_departure(
    connect: Connect,
    rest: MakeRest,
    group: MakeGroup,
    ann: Account,
    ben: Account,
    eve: Account,
    transport: str,
    how: str,
) -> None:
    made = group(ann, ben, eve)
    away = connect(transport, eve)
    away.kill()
    for text in ("one", "two"):
        rest(ben).send(conversation_id=made, message=text)
    depart(rest, made, ann, eve, how)
    rest(ben).send(conversation_id=made, message="three")
    away.reconnect()
    away.next_event(is_now(made, left=True))
    away.fence()
    assert [m["message"] for m in away.messages(made) if m["seq"] > 1] == ["one", "two", ""]


@HOW
def test_group_is_gone_over_rest_after_the_departure(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, how: str
) -> None:
    made = group(ann, ben, eve)
    rest(ann).send(conversation_id=made, message="before")
    depart(rest, made, ann, eve, how)
    assert made not in [c["id"] for c in rest(eve).conversations()["conversations"]]
    assert [m for m in rest(eve).fetch_unread()["messages"] if m["conversationId"] == made] == []
    for look in (rest(eve).conversation, rest(eve).history, rest(eve).members, rest(eve).pins):
        with refused("not_found"):
            look(made)


@HOW
def test_messages_of_a_departed_member_stay(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, how: str
) -> None:
    made = group(ann, ben, eve)
    rest(eve).send(conversation_id=made, message="remember me")
    depart(rest, made, ann, eve, how)
    assert texts(rest(ben), made) == ["remember me"]


def test_joined_unread_list_omits_the_group_after_a_removal(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    made = group(ann, ben)
    rest(ann).send(conversation_id=made)
    rest(ann).remove(made, ben.user_id)

    def unread() -> list[int]:
        return [u["conversationId"] for u in connect("ws", ben).joined.data["unread"]]

    eventually(lambda: made not in unread(), "an unread list without the group")


# -- returning ------------------------------------------------


@HOW
@pytest.mark.parametrize("shows", ["all", "joined"])
def test_returning_member_gets_everything_from_then_on(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, how: str, shows: str
) -> None:
    made = group(ann, ben, eve, history=shows)
    clients = [connect(transport, eve) for transport in ALL]
    depart(rest, made, ann, eve, how)
    rest(ann).send(conversation_id=made, message="while gone")
    bring_back(rest, made, ann, eve)
    rest(ben).send(conversation_id=made, message="again")
    for client in clients:
        client.wait(lambda c=client: True if 5 in seqs(c, made) else None, 30, "the message after the return")
        assert seqs(client, made) == [2, 4, 5]
        client.next_event(is_now(made, memberCount=3))
    assert texts(rest(eve), made) == (["while gone", "again"] if shows == "all" else ["again"])
    assert rest(eve).send(conversation_id=made, message="here")["seq"] == 6
    assert roles(rest(ann).conversation(made))[eve.user_id] == "member"


def test_returning_owner_is_a_plain_member(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann, ben)
    rest(ann).give_role(made, ben.user_id, "owner")
    rest(ben).leave(made)
    assert roles(bring_back(rest, made, ann, ben))[ben.user_id] == "member"


def test_removing_a_non_member_changes_nothing(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, eve)
    rest(ann).remove(made, eve.user_id)
    before = rest(ann).conversation(made)["lastSeq"]
    rest(ann).remove(made, eve.user_id)
    assert rest(ann).conversation(made)["lastSeq"] == before
