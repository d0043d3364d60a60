"""A group is made with its members, and all of them hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import is_time, refused
from tests.contract.expect_groups import everyone, history, is_now, is_system, roles
from tests.support.clients import Account, RestClient, register
from tests.support.processes import Stack

NOBODY = 2**40
GIVEN = {"description": "To the sea", "avatarUrl": "https://pictures.example/sea.png", "history": "joined"}


def test_a_group_is_what_its_maker_gave_it(rest: MakeRest, ann: Account, ben: Account, eve: Account) -> None:
    made = rest(ann).group("Trip", [ben.user_id, eve.user_id], **GIVEN)
    assert (made["kind"], made["name"], made["memberCount"], made["lastSeq"]) == ("group", "Trip", 3, 1)
    assert {name: made[name] for name in GIVEN} == GIVEN
    assert roles(made) == {ann.user_id: "owner", ben.user_id: "member", eve.user_id: "member"}
    assert is_time(made["updatedAt"])
    seen = rest(ben).conversation(made["id"])
    assert {name: seen[name] for name in ("name", "memberCount", *GIVEN)} == {
        "name": "Trip",
        "memberCount": 3,
        **GIVEN,
    }
    assert made["id"] in [c["id"] for c in rest(eve).conversations()["conversations"]]


def test_unless_told_otherwise_all_of_the_history_is_shown(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).group("Trip", [ben.user_id])
    assert made["history"] == "all"
    assert not made.get("description")
    assert not made.get("avatarUrl")


def test_two_groups_of_the_same_members_are_two(group: MakeGroup, ann: Account, ben: Account) -> None:
    assert group(ann, ben) != group(ann, ben)


def test_naming_somebody_twice_or_oneself_changes_nothing(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).group("Trip", [ben.user_id, ann.user_id, ben.user_id])
    assert made["memberCount"] == 2
    assert roles(made) == {ann.user_id: "owner", ben.user_id: "member"}


def test_every_member_hears_of_a_new_group(
    connect: Connect, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    clients = [connect(transport, who) for who in (ann, ben)]
    made = group(ann, ben, name="Trip")
    for client in clients:
        told = client.next_event(is_system("created", made))
        assert (told.data["seq"], told.data["senderId"], told.data["message"]) == (1, ann.user_id, "")
        assert told.data["kind"] == "system"
        assert told.cursor
        now = client.next_event(is_now(made, name="Trip", memberCount=2)).data
        assert roles(now) == {ann.user_id: "owner", ben.user_id: "member"}
        assert not {"unread", "mentions", "mutedUntil"} & set(now), "these are one's own"


def test_who_is_cut_off_between_a_group_and_its_message_gets_both_again(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    """``conversation_updated`` has a cursor like every event of the stream: the place right before the message."""
    live, away = connect(transport, ben), connect(transport, ben)
    earlier = rest(ann).send(receiver_id=ben.user_id)
    away.next_message(earlier["id"])
    away.kill()
    made = group(ann, ben, name="Trip")
    for client in (live, away.reconnect()):
        now = client.next_event(is_now(made, name="Trip"))
        told = client.next_event(is_system("created", made))
        assert now.cursor
        assert now.cursor != told.cursor
        resumed = connect(transport, ben, now.cursor)
        assert resumed.next_event(is_now(made, name="Trip")).data["lastSeq"] == 1
        assert resumed.next_event(is_system("created", made)).cursor == told.cursor
        resumed.fence()
        assert earlier["id"] not in [m["id"] for m in resumed.messages()]


def test_a_member_who_was_away_hears_of_it_on_return(
    connect: Connect, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    made = group(ann, ben, name="Trip")
    away.reconnect()
    away.next_event(is_system("created", made))
    away.next_event(is_now(made, name="Trip", memberCount=2))


def test_its_history_begins_with_its_making(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann, ben)
    rest(ben).send(conversation_id=made, message="hello")
    assert [(m["seq"], m["kind"], m["senderId"]) for m in history(rest(ann), made)] == [
        (1, "system", ann.user_id),
        (2, "text", ben.user_id),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"name": ""},
        {"name": "x" * 1000},
        {"name": 5},
        {"memberIds": "all"},
        {"memberIds": ["1"]},
        {"history": "none"},
        {"avatarUrl": "javascript:alert(1)"},
        {"description": "x" * 100_000},
    ],
    ids=str,
)
def test_what_is_no_group_is_invalid(rest: MakeRest, ann: Account, ben: Account, change: dict[str, Any]) -> None:
    body = {"kind": "group", "name": "Trip", "memberIds": [ben.user_id], **change}
    with refused("invalid"):
        rest(ann).request("POST", "/conversations", json={k: v for k, v in body.items() if v is not None})
    assert rest(ben).conversations()["conversations"] == []


def test_a_member_who_does_not_exist_is_not_found_and_nothing_is_made(
    rest: MakeRest, ann: Account, ben: Account
) -> None:
    with refused("not_found"):
        rest(ann).group("Trip", [ben.user_id, NOBODY])
    assert rest(ann).conversations()["conversations"] == []


@pytest.fixture
def crowd(short_server: Stack) -> list[Account]:
    """Seven users of the server where a group has at most five members."""
    return [register(short_server.base_url) for _ in range(7)]


def test_a_group_has_at_most_so_many_members(short_server: Stack, crowd: list[Account], opened: list[Any]) -> None:
    owner = RestClient(short_server.base_url, crowd[0].access_token)
    opened.append(owner)
    ids = [account.user_id for account in crowd]
    with refused("invalid"):
        owner.group("Trip", ids[1:6])
    made = owner.group("Trip", ids[1:4])["id"]
    with refused("invalid"):
        owner.add(made, *ids[4:6])
    assert owner.conversation(made)["memberCount"] == 4, "all or nobody"
    assert owner.add(made, ids[4])["memberCount"] == 5
    with refused("invalid"):
        owner.add(made, ids[5])
    owner.remove(made, ids[1])
    assert set(roles(owner.add(made, ids[5]))) == everyone(crowd[0], *crowd[2:6])
