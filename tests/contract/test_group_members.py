"""Members of a group, their roles, and the group's name and description."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest, MakeUser
from tests.contract.expect import refused
from tests.contract.expect_groups import everyone, history, is_now, is_system, roles
from tests.support.clients import Account

NOBODY = 2**40


def system(rest: Any, conversation: int) -> list[dict[str, Any]]:
    return [m["system"] for m in history(rest, conversation) if m["kind"] == "system"]


# -- members ------------------------------------------------


def test_old_and_new_members_get_the_events_of_an_addition(
    connect: Connect, rest: MakeRest, group: MakeGroup, user: MakeUser, ann: Account, ben: Account, transport: str
) -> None:
    made = group(ann, ben)
    new = [user(), user()]
    clients = [connect(transport, who) for who in (ben, *new)]
    answer = rest(ann).add(made, *(who.user_id for who in new))
    assert answer["memberCount"] == 4
    for client in clients:
        message = client.next_event(is_system("added", made)).data
        assert (message["senderId"], message["seq"]) == (ann.user_id, 2)
        assert set(message["system"]["userIds"]) == everyone(*new)
        assert set(roles(client.next_event(is_now(made, memberCount=4)).data)) == everyone(ann, ben, *new)
    assert rest(new[0]).send(conversation_id=made)["seq"] == 3


def test_short_form_adds_one_member(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann)
    answer = rest(ann).json("POST", f"/conversations/{made}/members", json={"userId": ben.user_id})
    assert set(roles(answer)) == everyone(ann, ben)


@pytest.mark.parametrize("form", ["body", "query", "path"])
def test_forms_of_removing_a_member(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, form: str
) -> None:
    made = group(ann, ben, eve)
    path = f"/conversations/{made}/members"
    answer = {
        "body": lambda: rest(ann).remove(made, eve.user_id),
        "query": lambda: rest(ann).json("DELETE", f"{path}?userId={eve.user_id}"),
        "path": lambda: rest(ann).json("DELETE", f"{path}/{eve.user_id}"),
    }[form]()
    assert set(roles(answer)) == everyone(ann, ben)


def test_adding_a_member_again_changes_nothing(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann, ben)
    assert rest(ann).add(made, ben.user_id)["lastSeq"] == 1
    assert system(rest(ben), made) == [{"type": "created"}]


def test_system_message_names_only_new_members(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben)
    rest(ann).add(made, ben.user_id, eve.user_id)
    assert system(rest(ann), made)[1] == {"type": "added", "userIds": [eve.user_id]}


def test_adding_a_missing_user_is_not_found(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann)
    with refused("not_found"):
        rest(ann).add(made, ben.user_id, NOBODY)
    for body in ({}, {"userIds": []}, {"userIds": [""]}, {"userIds": [["1"]]}, {"userId": None}):
        with refused("invalid"):
            rest(ann).request("POST", f"/conversations/{made}/members", json=body)
    assert rest(ann).conversation(made)["memberCount"] == 1


def test_members_are_paged_by_user_id(rest: MakeRest, group: MakeGroup, user: MakeUser, ann: Account) -> None:
    others = [user() for _ in range(6)]
    made = group(ann, *others)
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"cursor": None}
    while "cursor" in page:
        params = {"limit": 3, **({"cursor": page["cursor"]} if page["cursor"] else {})}
        page = rest(others[0]).members(made, **params)
        assert len(page["members"]) <= 3
        found += page["members"]
    assert [m["userId"] for m in found] == sorted(everyone(ann, *others))
    assert all(set(m) >= {"userId", "role", "deliveredSeq", "readSeq"} for m in found)
    assert [m["userId"] for m in found if m["role"] == "owner"] == [ann.user_id]


def test_direct_conversation_takes_no_more_members(rest: MakeRest, ann: Account, ben: Account, eve: Account) -> None:
    direct = rest(ann).direct(ben.user_id)["id"]
    for act in (
        lambda: rest(ann).add(direct, eve.user_id),
        lambda: rest(ann).remove(direct, ben.user_id),
        lambda: rest(ann).give_role(direct, ben.user_id, "owner"),
        lambda: rest(ann).change(direct, name="Us"),
        lambda: rest(ann).leave(direct),
        lambda: rest(ann).invite(direct),
    ):
        with refused("forbidden"):
            act()
    assert rest(ann).conversation(direct)["memberCount"] == 2


# -- roles ------------------------------------------------


def test_role_change_is_announced_and_takes_effect(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    made = group(ann, ben)
    client = connect(transport, ben)
    assert roles(rest(ann).give_role(made, ben.user_id, "admin"))[ben.user_id] == "admin"
    message = client.next_event(is_system("role", made)).data
    assert message["system"] == {"type": "role", "userId": ben.user_id, "role": "admin"}
    client.next_event(lambda e: is_now(made)(e) and roles(e.data)[ben.user_id] == "admin")
    assert rest(ben).change(made, name="Mine")["name"] == "Mine"
    rest(ann).give_role(made, ben.user_id, "member")
    with refused("forbidden"):
        rest(ben).change(made, name="Mine again")


def test_last_owner_cannot_leave_or_be_demoted(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann, ben)
    rest(ann).give_role(made, ben.user_id, "admin")
    for act in (
        lambda: rest(ann).give_role(made, ann.user_id, "member"),
        lambda: rest(ann).give_role(made, ann.user_id, "admin"),
        lambda: rest(ann).leave(made),
    ):
        with refused("conflict"):
            act()
    assert roles(rest(ann).conversation(made)) == {ann.user_id: "owner", ben.user_id: "admin"}
    rest(ann).give_role(made, ben.user_id, "owner")
    assert roles(rest(ann).give_role(made, ann.user_id, "member"))[ann.user_id] == "member"
    rest(ann).leave(made)
    assert roles(rest(ben).conversation(made)) == {ben.user_id: "owner"}


def test_last_member_may_leave(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    made = group(ann)
    rest(ann).leave(made)
    with refused("not_found"):
        rest(ann).conversation(made)


def test_same_role_again_announces_nothing(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann, ben)
    assert rest(ann).give_role(made, ben.user_id, "member")["lastSeq"] == 1
    assert len(history(rest(ann), made)) == 1


def test_unknown_role_or_member_is_refused(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben)
    with refused("invalid"):
        rest(ann).give_role(made, ben.user_id, "king")
    for nobody in (eve.user_id, NOBODY):
        with refused("not_found"):
            rest(ann).give_role(made, nobody, "admin")


# -- name and description ------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "New"},
        {"description": "Of what"},
        {"avatarUrl": "https://192.0.2.1/new.png"},
        {"history": "joined"},
        {"name": "Both", "description": "of them"},
    ],
    ids=str,
)
def test_info_change_is_announced(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, fields: dict[str, str]
) -> None:
    made = group(ann, ben)
    clients = [connect(transport, ben) for transport in ("ws", "sse", "poll")]
    answer = rest(ann).change(made, **fields)
    if "avatarUrl" in fields:  # everybody gets the address of a copy
        fields = {"avatarUrl": answer["avatarUrl"]}
    assert {name: answer[name] for name in fields} == fields
    for client in clients:
        assert client.next_event(is_system("info", made)).data["system"] == {"type": "info", **fields}
        client.next_event(is_now(made, **fields))
    seen = rest(ben).conversation(made)
    assert {name: seen[name] for name in fields} == fields


def test_absent_fields_stay_and_null_clears(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    made = group(ann, name="Trip", description="To the sea", avatarUrl="https://192.0.2.1/sea.png")
    rest(ann).change(made, avatarUrl=None)
    seen = rest(ann).conversation(made)
    assert (seen["name"], seen["description"], seen.get("avatarUrl")) == ("Trip", "To the sea", None)


def test_same_info_again_announces_nothing(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    made = group(ann, name="Trip")
    assert rest(ann).change(made, name="Trip")["lastSeq"] == 1


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": None}, {"history": "none"}, {"avatarUrl": "http://x"}], ids=str
)
def test_invalid_info_is_refused(rest: MakeRest, group: MakeGroup, ann: Account, fields: dict[str, Any]) -> None:
    with refused("invalid"):
        rest(ann).change(group(ann), **fields)


def test_resume_shows_the_current_state_of_missed_changes(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    made = group(ann, ben)
    away = connect(transport, ben)
    away.kill()
    rest(ann).change(made, name="First")
    rest(ann).add(made, eve.user_id)
    rest(ann).give_role(made, eve.user_id, "admin")
    rest(ann).change(made, name="Last")
    away.reconnect()
    away.fence()
    types = [m["system"]["type"] for m in away.messages(made) if m["seq"] > 1]
    assert types == ["info", "added", "role", "info"]
    now = [e.data for e in away.named("conversation_updated") if e.data["id"] == made][-1]
    assert (now["name"], now["memberCount"]) == ("Last", 3)
    assert roles(now)[eve.user_id] == "admin"
