"""history "all" and "joined": what of the past a member who came later can see, by whatever way."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import refused, seqs
from tests.contract.expect_groups import about, history, texts
from tests.support.clients import Account


@pytest.fixture
def late(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account) -> tuple[int, str]:
    """A group with history "joined", to which Eve came (seq 3) after the message of the id (seq 2); seq 4 is since."""
    made = group(ann, ben, history="joined")
    old = rest(ann).send(conversation_id=made, message="before eve")["id"]
    rest(ann).add(made, eve.user_id)
    rest(ann).send(conversation_id=made, message="since eve")
    return made, old


def test_all_shows_everything(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account) -> None:
    made = group(ann, ben, history="all")
    rest(ann).send(conversation_id=made, message="before eve")
    rest(ann).add(made, eve.user_id)
    assert [m["seq"] for m in history(rest(eve), made)] == [1, 2, 3]
    assert texts(rest(eve), made) == ["before eve"]


def test_joined_shows_what_came_since(rest: MakeRest, late: tuple[int, str], ben: Account, eve: Account) -> None:
    made, _ = late
    assert [m["seq"] for m in history(rest(eve), made)] == [3, 4]
    assert [m["seq"] for m in rest(eve).history(made, before=4)["messages"]] == [3]
    assert rest(eve).history(made, before=3) == {"messages": [], "hasMore": False}
    assert [m["seq"] for m in rest(eve).history(made, after=0, limit=1)["messages"]] == [3]
    assert [m["seq"] for m in history(rest(ben), made)] == [1, 2, 3, 4]


def test_the_past_is_not_unread(connect: Connect, rest: MakeRest, late: tuple[int, str], eve: Account) -> None:
    made, _ = late
    assert [m["message"] for m in rest(eve).fetch_unread(conversation_id=made)["messages"] if m["message"]] == [
        "since eve"
    ]
    assert rest(eve).conversation(made)["unread"] <= 2


def test_the_past_does_not_come_by_a_cursor_from_before(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    away = connect(transport, eve)
    away.kill()
    made = group(ann, ben, history="joined")
    rest(ann).send(conversation_id=made, message="before eve")
    rest(ann).add(made, eve.user_id)
    rest(ann).send(conversation_id=made, message="since eve")
    away.reconnect()
    away.fence()
    assert seqs(away, made) == [3, 4]


def test_acts_on_the_past_find_nothing(rest: MakeRest, late: tuple[int, str], ann: Account, eve: Account) -> None:
    made, old = late
    rest(ann).give_role(made, eve.user_id, "owner")
    for act in (
        lambda: rest(eve).react(old, "👍", made),
        lambda: rest(eve).pin(old, made),
        lambda: rest(eve).delete(old, made),
        lambda: rest(eve).delete(old, made, scope="me"),
        lambda: rest(eve).edit(old, "mine", made),
        lambda: rest(eve).receipts(old, made),
        lambda: rest(eve).edits(old, made),
    ):
        with refused("not_found"):
            act()


def test_changes_of_the_past_are_not_told(
    connect: Connect, rest: MakeRest, late: tuple[int, str], ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    made, old = late
    live, away = connect(transport, eve), connect(transport, eve)
    away.kill()
    rest(ann).edit(old, "before eve, edited", made)
    rest(ben).react(old, "👍", made)
    rest(ann).pin(old, made)
    rest(ann).delete(old, made)
    away.reconnect()
    for client in (live, away):
        client.fence()
        assert about(client, made) == []


def test_the_past_is_not_found_by_search(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, history="joined")
    word = f"needle{made}"
    rest(ann).send(conversation_id=made, message=f"{word} before")
    rest(ann).add(made, eve.user_id)
    rest(ann).send(conversation_id=made, message=f"{word} since")
    assert [m["message"] for m in rest(eve).search(word)] == [f"{word} since"]
    assert len(rest(ben).search(word)) == 2


def test_a_change_of_the_setting_is_for_those_who_come_then(
    rest: MakeRest, late: tuple[int, str], ann: Account, eve: Account
) -> None:
    made, _ = late
    rest(ann).change(made, history="all")
    assert [m["seq"] for m in history(rest(eve), made)] == [3, 4, 5]
