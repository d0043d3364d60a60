"""Search over REST: only one's own conversations, newest first, plain text."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Engine
from sqlalchemy import text as sql

from tests.contract.conftest import MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account


def word() -> str:
    """Returns a word that no message contains yet."""
    return f"w{uuid.uuid4().hex}"


def test_members_find_messages_newest_first_and_others_find_nothing(
    rest: MakeRest, ann: Account, ben: Account, eve: Account
) -> None:
    needle = word()
    first = rest(ann).send(receiver_id=ben.user_id, message=f"the {needle} is here")
    second = rest(ben).send(conversation_id=first["conversationId"], message=f"<b>{needle}</b> & more")
    for reader in (ann, ben):
        found = rest(reader).json("GET", "/search", params={"q": needle})["messages"]
        assert [(m["id"], m["senderId"]) for m in found] == [(second["id"], ben.user_id), (first["id"], ann.user_id)]
        assert found[1]["message"] == f"the {needle} is here"
        for message in found:
            [[start, length]] = message["highlights"]
            assert message["snippet"][start : start + length] == needle
            assert not set("\ue000\ue001") & set(message["snippet"])
    assert rest(eve).json("GET", "/search", params={"q": needle}) == {"messages": [], "hasMore": False}


def test_results_look_like_history_messages(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    """Including status, read receipts and reactions, in direct conversations and groups."""
    needle = word()
    direct = rest(ann).direct(ben.user_id)["id"]
    for conversation in (direct, group(ann, ben, eve)):
        first = rest(ann).send(conversation_id=conversation, message=f"{needle} one")
        second = rest(ann).send(conversation_id=conversation, message=f"{needle} two", replyTo=first["id"])
        for act, to in ((rest(ben).read, first), (rest(ben).delivered, second)):
            act(conversation, to["seq"])
        rest(ben).react(first["id"], "🎈", conversation)
        rest(ann).pin(first["id"], conversation)
        for reader in (ann, ben):
            shown = {m["seq"]: m for m in rest(reader).history(conversation)["messages"] if m["kind"] != "system"}
            found = rest(reader).json(
                "GET", "/search", params={"q": needle, "conversationId": conversation, "limit": 1}
            )
            assert found["hasMore"] is True
            found = rest(reader).json("GET", "/search", params={"q": needle, "conversationId": conversation})
            assert found["hasMore"] is False
            assert {m["seq"]: m for m in found["messages"]} == {
                seq: {**m, "snippet": m["message"], "highlights": [[0, len(needle)]]} for seq, m in shown.items()
            }
            assert rest(reader).pins(conversation) == [shown[first["seq"]]]


def test_results_are_paged(rest: MakeRest, ann: Account, ben: Account) -> None:
    needle = word()
    sent = [rest(ann).send(receiver_id=ben.user_id, message=f"{needle} {i}") for i in range(5)]
    found, cursor = [], ""
    while len(found) < 5:
        page = rest(ben).json("GET", "/search", params={"q": needle, "limit": 2, "cursor": cursor})
        found += page["messages"]
        cursor = page.get("cursor", "")
    assert [m["id"] for m in found] == [m["id"] for m in reversed(sent)]
    assert cursor == ""


def test_results_are_filtered_by_conversation_sender_and_time(
    rest: MakeRest, ann: Account, ben: Account, group: MakeGroup
) -> None:
    needle = word()
    club = group(ann, ben)
    one = rest(ann).send(receiver_id=ben.user_id, message=needle)
    two = rest(ben).send(conversation_id=club, message=needle)

    def ids(**params: object) -> list[str]:
        return [m["id"] for m in rest(ann).json("GET", "/search", params={"q": needle, **params})["messages"]]

    assert ids() == [two["id"], one["id"]]
    assert ids(conversationId=club) == [two["id"]]
    assert ids(senderId=ann.user_id) == [one["id"]]
    assert ids(before=two["sentAt"]) == [one["id"]]
    assert ids(after=one["sentAt"]) == [two["id"]]


def test_deleted_or_edited_away_text_is_not_found(rest: MakeRest, ann: Account, ben: Account) -> None:
    needle, other = word(), word()
    deleted, edited, hidden = (rest(ann).send(receiver_id=ben.user_id, message=needle) for _ in range(3))
    rest(ann).delete(deleted["id"])
    rest(ann).edit(edited["id"], other)
    rest(ben).delete(hidden["id"], scope="me")
    assert [m["id"] for m in rest(ann).json("GET", "/search", params={"q": needle})["messages"]] == [hidden["id"]]
    assert rest(ben).json("GET", "/search", params={"q": needle})["messages"] == []
    assert [m["id"] for m in rest(ben).json("GET", "/search", params={"q": other})["messages"]] == [edited["id"]]


def test_search_in_a_group_covers_only_ones_time_as_a_member(
    rest: MakeRest, ann: Account, ben: Account, eve: Account, group: MakeGroup
) -> None:
    needle = word()
    club = group(ann, ben, history="joined")
    rest(ann).send(conversation_id=club, message=needle)
    rest(ann).json("POST", f"/conversations/{club}/members", json={"userIds": [eve.user_id]})
    later = rest(ann).send(conversation_id=club, message=needle)
    assert [m["id"] for m in rest(eve).json("GET", "/search", params={"q": needle})["messages"]] == [later["id"]]
    rest(eve).request("POST", f"/conversations/{club}/leave")
    assert rest(eve).json("GET", "/search", params={"q": needle})["messages"] == []
    with refused("not_found"):
        rest(eve).json("GET", "/search", params={"q": needle, "conversationId": club})


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("https://example.org/a?b=c", ["https://example.org/a?b=c", "example.org"]),
        ("我家在上海东边", ["上海"]),
        ("on se voit au café", ["cafe"]),
        ("reçu l’appel", ["appel", "l'appel"]),
        ("<b>bold</b> std::vector<int>", ["std::vector<int>", "<b>bold</b>"]),
        ("it is -5 now", ["-5"]),
        ("git push --force", ["--force", "git push --force"]),
        ("ls -la", ["-la", "ls -la"]),
        ("prefixsearchable", ["prefix"]),
    ],
)
def test_texts_of_all_kinds_are_found(
    rest: MakeRest, ann: Account, ben: Account, text: str, queries: list[str]
) -> None:
    """At once, and when they are indexed. The unit tests have many more."""
    sent = rest(ann).send(receiver_id=ben.user_id, message=text)
    where = {"conversationId": sent["conversationId"]}
    for query in queries:
        assert [m["id"] for m in rest(ben).search(query, **where)] == [sent["id"]], query


def test_messages_are_indexed_within_seconds(rest: MakeRest, ann: Account, ben: Account, stored: Engine) -> None:
    needle = word()
    sent = rest(ann).send(receiver_id=ben.user_id, message=needle)
    place = {"c": sent["conversationId"], "s": sent["seq"]}
    query = sql("SELECT count(*) FROM message_terms WHERE conversation_id = :c AND seq = :s")

    def is_indexed() -> bool:
        with stored.connect() as connection:
            return connection.execute(query, place).scalar() == 1

    eventually(is_indexed, "the message in the index")
    assert [m["id"] for m in rest(ben).search(needle)] == [sent["id"]]


def test_filters_select_messages_without_words(rest: MakeRest, ann: Account, ben: Account) -> None:
    link = rest(ann).send(receiver_id=ben.user_id, message="https://example.org")
    own = rest(ben).send(conversation_id=link["conversationId"], message="no address")

    def ids(**params: object) -> list[str]:
        return [m["id"] for m in rest(ann).json("GET", "/search", params=params)["messages"]]

    assert ids(has="link") == [link["id"]]
    assert ids(has="link,file") == ids(has="link", senderId=ben.user_id) == []
    assert ids(senderId=ben.user_id, after="2020-01-01") == [own["id"]]
    assert ids(senderId=ben.user_id, before="2020-01-01") == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"q": ""},
        {"q": "!!"},
        {"q": "!!", "has": "file"},
        {"q": "x", "has": "poll"},
        {"q": "x", "after": "2026-02-30"},
        {"before": "2026-11-22"},
        {"q": "x" * 201},
        {"q": "x", "limit": 0},
        {"q": "x", "cursor": "1-2"},
        {"q": "x", "before": "yesterday"},
        {"q": "x", "before": "2026-11-22T15:04:05"},
        {"q": "x\0"},
    ],
)
def test_invalid_search_is_refused(rest: MakeRest, ann: Account, params: dict[str, object]) -> None:
    with refused("invalid"):
        rest(ann).json("GET", "/search", params=params)


def test_search_needs_a_token_and_membership(rest: MakeRest, ann: Account) -> None:
    with refused("unauthorized"):
        rest().json("GET", "/search", params={"q": "x"})
    with refused("not_found"):
        rest(ann).json("GET", "/search", params={"q": "x", "conversationId": 2**50})
