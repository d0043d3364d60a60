"""Adding a user to a group, and requests that the user must allow first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import refused
from tests.contract.expect_groups import about, roles
from tests.contract.test_accepted import frozen
from tests.support.clients import Account, RestClient, register
from tests.support.processes import Stack


def block(rest: RestClient, user: Account) -> None:
    rest.request("PUT", f"/blocks/{user.user_id}")


def waiting(rest: RestClient) -> list[int]:
    return [request["conversationId"] for request in rest.json("GET", "/requests")["requests"]]


def accept(rest: RestClient, conversation_id: int) -> dict[str, Any]:
    return rest.json("POST", f"/requests/{conversation_id}/accept")


def only(rest: RestClient, who: str) -> None:
    assert rest.json("PATCH", "/me", json={"mayAddMe": who})["mayAddMe"] == who


def test_blocked_user_cannot_put_the_blocker_into_a_group(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    block(rest(ann), eve)
    session = connect(transport, ann)
    made = group(eve, ann, ben)
    assert set(roles(rest(eve).add(made, ann.user_id))) == {eve.user_id, ben.user_id}
    rest(eve).send(conversation_id=made)
    session.fence()
    assert about(session, made) == []
    assert waiting(rest(ann)) == []
    assert rest(ann).conversations()["conversations"][1:] == []
    with refused("not_found"):
        rest(ann).conversation(made)


def test_blocked_admin_cannot_put_the_blocker_back(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(eve, ann, ben)
    rest(ann).leave(made)
    block(rest(ann), eve)
    assert ann.user_id not in roles(rest(eve).add(made, ann.user_id))
    assert waiting(rest(ann)) == []


def test_member_who_left_comes_back_only_by_their_own_act(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, eve)
    rest(ben).leave(made)
    session = connect("ws", ben)
    assert ben.user_id not in roles(rest(ann).add(made, ben.user_id))
    session.fence()
    assert [event.name for event in about(session, made)] == ["request_updated"]
    assert waiting(rest(ben)) == [made]
    assert roles(accept(rest(ben), made))[ben.user_id] == "member"
    assert waiting(rest(ben)) == []


def test_removed_member_can_be_added_again(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann, ben)
    rest(ann).remove(made, ben.user_id)
    assert ben.user_id in roles(rest(ann).add(made, ben.user_id))


@pytest.mark.parametrize("by", ["creating", "adding"])
def test_nobody_setting_turns_adding_into_a_request(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, by: str
) -> None:
    only(rest(ben), "nobody")
    made = group(ann, ben) if by == "creating" else group(ann)
    if by == "adding":
        rest(ann).add(made, ben.user_id)
    assert set(roles(rest(ann).conversation(made))) == {ann.user_id}
    [request] = rest(ben).json("GET", "/requests")["requests"]
    assert (request["conversationId"], request["name"], request["sender"]["id"]) == (made, "Group", ann.user_id)
    assert set(roles(accept(rest(ben), made))) == {ann.user_id, ben.user_id}


def test_contacts_may_add_and_strangers_may_not(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    only(rest(ben), "contacts")
    rest(ann).send(receiver_id=ben.user_id)
    rest(eve).send(receiver_id=ben.user_id)
    rest(ben).send(receiver_id=ann.user_id)
    assert ben.user_id in roles(rest(ann).conversation(group(ann, ben)))
    assert ben.user_id not in roles(rest(eve).conversation(group(eve, ben)))


def test_refused_group_does_not_ask_again(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    only(rest(ben), "nobody")
    made = group(ann, ben)
    rest(ben).request("POST", f"/requests/{made}/refuse")
    rest(ann).add(made, ben.user_id)
    assert waiting(rest(ben)) == []
    for act in ("accept", "refuse"):
        with refused("not_found"):
            rest(ben).request("POST", f"/requests/{group(ann)}/{act}")
    with refused("not_found"):
        accept(rest(ben), made)


def test_accepting_again_changes_nothing(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    """A client that got no answer repeats its request."""
    only(rest(ben), "nobody")
    made = group(ann, ben)
    session = connect("ws", ben)
    first = accept(rest(ben), made)
    session.fence()
    events = about(session, made)
    assert accept(rest(ben), made) == first
    session.fence()
    assert about(session, made) == events
    rest(ben).leave(made)
    with refused("not_found"):
        accept(rest(ben), made)


def test_accepting_again_before_it_is_stored_can_be_repeated(
    server: Stack, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    only(rest(ben), "nobody")
    made = group(ann, ben)
    with frozen(server):
        for _ in range(2):
            with refused("overloaded"):
                accept(rest(ben), made)
    assert set(roles(accept(rest(ben), made))) == {ann.user_id, ben.user_id}


def test_request_of_a_former_admin_is_void(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    only(rest(ben), "nobody")
    made = group(ann, eve)
    rest(ann).give_role(made, eve.user_id, "admin")
    rest(eve).add(made, ben.user_id)
    rest(ann).remove(made, eve.user_id)
    assert waiting(rest(ben)) == []
    with refused("not_found"):
        accept(rest(ben), made)


def test_member_without_the_right_makes_no_request(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    only(rest(eve), "nobody")
    made = group(ann, ben)
    with refused("forbidden"):
        rest(ben).add(made, eve.user_id)
    assert waiting(rest(eve)) == []


def test_new_account_opens_only_a_few_conversations(short_server: Stack, opened: list[Any]) -> None:
    one, friend, *strangers = (register(short_server.base_url) for _ in range(4))
    mine, theirs = (RestClient(short_server.base_url, who.access_token) for who in (one, friend))
    opened += [mine, theirs]
    first = mine.send(receiver_id=friend.user_id)["conversationId"]
    for _ in range(9):
        mine.group()
    acts: list[Callable[[], object]] = [
        mine.group,
        lambda: mine.send(receiver_id=strangers[0].user_id),
        lambda: mine.direct(strangers[1].user_id),
    ]
    for act in acts:
        with refused("rate_limited"):
            act()
    mine.send(receiver_id=friend.user_id)
    theirs.send(conversation_id=first)
    assert mine.direct(friend.user_id)["id"] == first
