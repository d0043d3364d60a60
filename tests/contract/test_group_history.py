"""History "all" and "joined": how much of the past a later member can see, in every view."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import refused, seqs
from tests.contract.expect_groups import about, history, texts
from tests.support.clients import Account


@pytest.fixture
def late(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account) -> tuple[int, str]:
    """A "joined" group with the seqs: 2 a message (its id is returned), 3 Eve joins, 4 a later message."""
    made = group(ann, ben, history="joined")
    old = rest(ann).send(conversation_id=made, message="before eve")["id"]
    rest(ann).add(made, eve.user_id)
    rest(ann).send(conversation_id=made, message="since eve")
    return made, old


def test_all_shows_messages_from_before_the_join(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, history="all")
    rest(ann).send(conversation_id=made, message="before eve")
    rest(ann).add(made, eve.user_id)
    assert [m["seq"] for m in history(rest(eve), made)] == [1, 2, 3]
    assert texts(rest(eve), made) == ["before eve"]


def test_joined_shows_only_messages_since_the_join(
    rest: MakeRest, late: tuple[int, str], ben: Account, eve: Account
) -> None:
    made, _ = late
    assert [m["seq"] for m in history(rest(eve), made)] == [3, 4]
    assert [m["seq"] for m in rest(eve).history(made, before=4)["messages"]] == [3]
    assert rest(eve).history(made, before=3) == {"messages": [], "hasMore": False}
    assert [m["seq"] for m in rest(eve).history(made, after=0, limit=1)["messages"]] == [3]
    assert [m["seq"] for m in history(rest(ben), made)] == [1, 2, 3, 4]


def test_messages_from_before_the_join_are_not_unread(
    connect: Connect, rest: MakeRest, late: tuple[int, str], eve: Account
) -> None:
    made, _ = late
    assert [m["message"] for m in rest(eve).fetch_unread(conversation_id=made)["messages"] if m["message"]] == [
        "since eve"
    ]
    assert rest(eve).conversation(made)["unread"] <= 2


def test_older_cursor_does_not_replay_messages_from_before_the_join(
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


def test_acts_on_messages_from_before_the_join_are_not_found(
    rest: MakeRest, late: tuple[int, str], ann: Account, eve: Account
) -> None:
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


def test_changes_of_messages_from_before_the_join_are_not_sent(
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


def test_search_does_not_find_messages_from_before_the_join(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, history="joined")
    word = f"needle{made}"
    rest(ann).send(conversation_id=made, message=f"{word} before")
    rest(ann).add(made, eve.user_id)
    rest(ann).send(conversation_id=made, message=f"{word} since")
    assert [m["message"] for m in rest(eve).search(word)] == [f"{word} since"]
    assert len(rest(ben).search(word)) == 2


def test_changed_history_setting_applies_to_later_members(
    rest: MakeRest, late: tuple[int, str], ann: Account, eve: Account
) -> None:
    made, _ = late
    rest(ann).change(made, history="all")
    assert [m["seq"] for m in history(rest(eve), made)] == [3, 4, 5]
