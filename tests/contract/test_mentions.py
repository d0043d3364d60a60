"""Mentions of members by name, and of members who are online."""

from __future__ import annotations

import pytest

from dev.processes import wait_until
from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest, MakeUser
from tests.contract.expect_groups import one
from tests.support.clients import Account, RestClient
from tests.support.patience import PATIENCE


@pytest.fixture
def made(group: MakeGroup, ann: Account, ben: Account, eve: Account) -> int:
    return group(ann, ben, eve)


def wait_until_online(viewer: RestClient, who: Account) -> None:
    def is_online() -> bool:
        return viewer.presence([who.user_id])[who.user_id]["status"] == "online"

    wait_until(is_online, PATIENCE, "a member who is online")


def test_named_members_are_mentioned(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    client, away = connect(transport, ben), connect(transport, ben)
    away.kill()
    sent = rest(ann).send(conversation_id=made, message=f"look, @{ben.username}, and @{eve.username}!")
    away.reconnect()
    for got in (client.next_message(sent["id"]), away.next_message(sent["id"]), one(rest(ben), made, 2)):
        assert set(got["mentions"]) == {ben.user_id, eve.user_id}
        assert "mentionsAll" not in got
    assert rest(ben).conversation(made)["mentions"] == 1
    assert rest(ann).conversation(made)["mentions"] == 0
    rest(ben).read(made, 2)
    assert rest(ben).conversation(made)["mentions"] == 0
    assert rest(eve).conversation(made)["mentions"] == 1


@pytest.mark.parametrize(
    "text",
    ["mail ann@{name}", "@{name}more", "@nobody-of-this-name", "no one", "https://a.example/@{name}", "@{name}-x"],
)
def test_lookalike_of_a_mention_is_ignored(rest: MakeRest, made: int, ann: Account, ben: Account, text: str) -> None:
    rest(ann).send(conversation_id=made, message=text.format(name=ben.username))
    assert not one(rest(ben), made, 2).get("mentions")
    assert rest(ben).conversation(made)["mentions"] == 0


@pytest.mark.parametrize("text", ["你好＠{name}，", "สวัสดี@{name}", "hi.@{name}...", "@{name}--ok", "_@{name}_"])
def test_mention_is_found_in_any_text(rest: MakeRest, made: int, ann: Account, ben: Account, text: str) -> None:
    rest(ann).send(conversation_id=made, message=text.format(name=ben.username))
    assert one(rest(ben), made, 2)["mentions"] == [ben.user_id]


def test_longest_name_is_meant(rest: MakeRest, group: MakeGroup, ann: Account, user: MakeUser) -> None:
    short = user()
    longer = user(username=f"{short.username}.x")
    made = group(ann, short, longer)
    rest(ann).send(conversation_id=made, message=f"@{longer.username}.")
    assert one(rest(ann), made, 2)["mentions"] == [longer.user_id]


def test_mentions_ignore_case(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    rest(ann).send(conversation_id=made, message=f"@{ben.username.upper()}, look")
    assert one(rest(ann), made, 2)["mentions"] == [ben.user_id]


def test_non_member_is_not_mentioned(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann)
    rest(ann).send(conversation_id=made, message=f"@{ben.username}, look")
    assert not one(rest(ann), made, 2).get("mentions")
    assert rest(ben).conversations()["conversations"] == []


@pytest.mark.parametrize(("role", "counts"), [("owner", True), ("admin", True), ("member", False)])
def test_mention_of_all_counts_only_from_owners_and_admins(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, role: str, counts: bool
) -> None:
    clients = [connect(transport, eve) for transport in ALL]
    if role != "member":
        rest(ann).give_role(made, ben.user_id, role)
    sent = rest(ben).send(conversation_id=made, message="@all come here")
    for client in clients:
        assert client.next_message(sent["id"]).get("mentionsAll") is (True if counts else None)
    assert rest(eve).conversation(made)["mentions"] == int(counts)
    assert rest(ben).conversation(made)["mentions"] == 0


@pytest.mark.parametrize("word", ["here", "online"])
def test_mention_of_those_online_counts_for_them(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, word: str, transport: str
) -> None:
    client = connect(transport, ben)
    wait_until_online(rest(ann), ben)
    sent = rest(ann).send(conversation_id=made, message=f"@{word} please")
    for got in (client.next_message(sent["id"]), one(rest(eve), made, 2)):
        assert (got["mentions"], got["mentionsOnline"]) == ([ben.user_id], True)
        assert "mentionsAll" not in got
    assert [rest(who).conversation(made)["mentions"] for who in (ann, ben, eve)] == [0, 1, 0]
    client.kill()
    edited = rest(ann).edit(sent["id"], f"@{word}, please", made)
    assert one(rest(eve), made, edited["seq"])["mentions"] == [ben.user_id], "an edit keeps them"
    rest(ann).edit(sent["id"], "never mind", made)
    assert not {"mentions", "mentionsOnline"} & one(rest(eve), made, 2).keys()


def test_members_do_not_mention_those_online(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    client = connect("ws", eve)
    wait_until_online(rest(ben), eve)
    sent = rest(ben).send(conversation_id=made, message="@here @online @all")
    assert not {"mentions", "mentionsOnline", "mentionsAll"} & client.next_message(sent["id"]).keys()


def test_hidden_presence_is_not_revealed_by_a_mention(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    rest(ben).json("PATCH", "/me", json={"lastSeenVisible": "nobody"})
    clients = [connect("ws", who) for who in (ben, eve)]
    wait_until_online(rest(ann), eve)
    sent = rest(ann).send(conversation_id=made, message="@here")
    assert [client.next_message(sent["id"])["mentions"] for client in clients] == [[eve.user_id]] * 2


def test_edit_changes_the_mentions(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=made, message=f"@{ben.username}")
    client = connect(transport, eve)
    rest(ann).edit(sent["id"], f"@{eve.username}", made)
    assert client.next_event("message_updated").data["mentions"] == [eve.user_id]
    assert [rest(who).conversation(made)["mentions"] for who in (ben, eve)] == [0, 1]
    rest(ann).delete(sent["id"], made)
    assert [rest(who).conversation(made)["mentions"] for who in (ben, eve)] == [0, 0]


def test_members_are_found_by_the_beginning_of_a_name(
    rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    rest(ben).json("PATCH", "/me", json={"displayName": "Ben van Bérg-Olsen"})

    def found(q: str) -> list[int]:
        members = rest(ann).json("GET", f"/conversations/{made}/members", params={"q": q})["members"]
        return [member["userId"] for member in members]

    assert found("") == found(" ") == sorted([ann.user_id, ben.user_id, eve.user_id])
    for q in ("ben", "BERG", "van b", "olsen", ben.username, f" {ben.username} "):
        assert found(q) == [ben.user_id], q
    for q in ("erg", "%", "nobody"):
        assert found(q) == [], q
