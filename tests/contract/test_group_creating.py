"""Creating a group: its members, the events that they get, and invalid requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import is_time, refused
from tests.contract.expect_groups import everyone, history, is_now, is_system, roles
from tests.support.clients import Account, RestClient, register
from tests.support.processes import Stack

NOBODY = 2**40
GIVEN = {"description": "To the sea", "avatarUrl": "https://192.0.2.1/sea.png", "history": "joined"}


def test_group_has_the_given_fields_and_members(rest: MakeRest, ann: Account, ben: Account, eve: Account) -> None:
    made = rest(ann).group("Trip", [ben.user_id, eve.user_id], **GIVEN)
    assert (made["kind"], made["name"], made["memberCount"], made["lastSeq"]) == ("group", "Trip", 3, 1)
    expected = GIVEN | {"avatarUrl": made["avatarUrl"]}  # the address of a copy (test_avatars.py)
    assert {name: made[name] for name in GIVEN} == expected
    assert roles(made) == {ann.user_id: "owner", ben.user_id: "member", eve.user_id: "member"}
    assert is_time(made["updatedAt"])
    seen = rest(ben).conversation(made["id"])
    assert {name: seen[name] for name in ("name", "memberCount", *GIVEN)} == {
        "name": "Trip",
        "memberCount": 3,
        **expected,
    }
    assert made["id"] in [c["id"] for c in rest(eve).conversations()["conversations"]]


def test_new_group_shows_all_of_its_history_by_default(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).group("Trip", [ben.user_id])
    assert made["history"] == "all"
    assert not made.get("description")
    assert not made.get("avatarUrl")


def test_same_members_can_have_two_groups(group: MakeGroup, ann: Account, ben: Account) -> None:
    assert group(ann, ben) != group(ann, ben)


def test_duplicate_members_and_oneself_are_ignored(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).group("Trip", [ben.user_id, ann.user_id, ben.user_id])
    assert made["memberCount"] == 2
    assert roles(made) == {ann.user_id: "owner", ben.user_id: "member"}


def test_every_member_gets_the_events_of_a_new_group(
    connect: Connect, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    clients = [connect(transport, who) for who in (ann, ben)]
    made = group(ann, ben, name="Trip")
    for client in clients:
        message = client.next_event(is_system("created", made))
        assert (message.data["seq"], message.data["senderId"], message.data["message"]) == (1, ann.user_id, "")
        assert message.data["kind"] == "system"
        assert message.cursor
        now = client.next_event(is_now(made, name="Trip", memberCount=2)).data
        assert roles(now) == {ann.user_id: "owner", ben.user_id: "member"}
        assert not {"unread", "mentions", "mutedUntil"} & set(now), "these are personal"


def test_resume_between_a_group_and_its_message_replays_both(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    """``conversation_updated`` has a cursor like every event of the stream: the position right before the message."""
    live, away = connect(transport, ben), connect(transport, ben)
    earlier = rest(ann).send(receiver_id=ben.user_id)
    away.next_message(earlier["id"])
    away.kill()
    made = group(ann, ben, name="Trip")
    for client in (live, away.reconnect()):
        now = client.next_event(is_now(made, name="Trip"))
        message = client.next_event(is_system("created", made))
        assert now.cursor
        assert now.cursor != message.cursor
        resumed = connect(transport, ben, now.cursor)
        assert resumed.next_event(is_now(made, name="Trip")).data["lastSeq"] == 1
        assert resumed.next_event(is_system("created", made)).cursor == message.cursor
        resumed.fence()
        assert earlier["id"] not in [m["id"] for m in resumed.messages()]


def test_offline_member_gets_the_new_group_on_resume(
    connect: Connect, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    away = connect(transport, ben)
    away.kill()
    made = group(ann, ben, name="Trip")
    away.reconnect()
    away.next_event(is_system("created", made))
    away.next_event(is_now(made, name="Trip", memberCount=2))


def test_history_begins_with_the_created_message(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
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
        {"memberIds": [""]},
        {"history": "none"},
        {"avatarUrl": "javascript:alert(1)"},
        {"description": "x" * 100_000},
    ],
    ids=str,
)
def test_invalid_group_is_refused(rest: MakeRest, ann: Account, ben: Account, change: dict[str, Any]) -> None:
    body = {"kind": "group", "name": "Trip", "memberIds": [ben.user_id], **change}
    with refused("invalid"):
        rest(ann).request("POST", "/conversations", json={k: v for k, v in body.items() if v is not None})
    assert rest(ben).conversations()["conversations"] == []


def test_missing_member_is_not_found_and_no_group_is_created(rest: MakeRest, ann: Account, ben: Account) -> None:
    with refused("not_found"):
        rest(ann).group("Trip", [ben.user_id, NOBODY])
    assert rest(ann).conversations()["conversations"] == []


@pytest.fixture
def crowd(short_server: Stack) -> list[Account]:
    """Returns seven users of the server whose groups have at most five members."""
    return [register(short_server.base_url) for _ in range(7)]


def test_group_size_is_limited(short_server: Stack, crowd: list[Account], opened: list[Any]) -> None:
    owner = RestClient(short_server.base_url, crowd[0].access_token)
    opened.append(owner)
    ids = [account.user_id for account in crowd]
    with refused("invalid"):
        owner.group("Trip", ids[1:6])
    made = owner.group("Trip", ids[1:4])["id"]
    with refused("invalid"):
        owner.add(made, *ids[4:6])
    assert owner.conversation(made)["memberCount"] == 4, "all are added, or none"
    assert owner.add(made, ids[4])["memberCount"] == 5
    with refused("invalid"):
        owner.add(made, ids[5])
    owner.remove(made, ids[1])
    assert set(roles(owner.add(made, ids[5]))) == everyone(crowd[0], *crowd[2:6])
