"""Direct conversations: the list, one conversation, and its history."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import MakeRest, MakeUser
from tests.contract.expect import is_time, refused, send_many
from tests.support.clients import Account, Refused


def test_direct_conversation_is_created_once(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).direct(ben.user_id)
    assert made["kind"] == "direct"
    assert made["id"] == rest(ann).direct(ben.user_id)["id"] == rest(ben).direct(ann.user_id)["id"]
    assert made["id"] == rest(ben).send(receiver_id=ann.user_id)["conversationId"]


def test_direct_conversation_with_oneself_or_a_missing_user(rest: MakeRest, ann: Account) -> None:
    assert rest(ann).direct(ann.user_id)["memberCount"] == 1
    with refused("not_found"):
        rest(ann).direct(2**40)


def test_conversation_has_the_documented_members(rest: MakeRest, ann: Account, ben: Account) -> None:
    ack = rest(ann).send(receiver_id=ben.user_id, message="hi")
    for found in (
        rest(ben).conversation(ack["conversationId"]),
        rest(ben).conversations()["conversations"][0],
    ):
        wanted = {
            "id",
            "kind",
            "memberCount",
            "members",
            "lastSeq",
            "lastMessage",
            "unread",
            "mentions",
            "updatedAt",
        }
        assert set(found) >= wanted
        assert (found["id"], found["kind"], found["memberCount"]) == (ack["conversationId"], "direct", 2)
        assert (found["lastSeq"], found["unread"], found["lastMessage"]["id"]) == (1, 1, ack["id"])
        assert is_time(found["updatedAt"])
        assert {m["userId"] for m in found["members"]} == {ann.user_id, ben.user_id}
        assert all(set(m) >= {"userId", "role", "deliveredSeq", "readSeq"} for m in found["members"])


def test_list_is_sorted_by_latest_activity(rest: MakeRest, user: MakeUser, ann: Account) -> None:
    others = [user() for _ in range(3)]
    ids = [rest(ann).send(receiver_id=o.user_id)["conversationId"] for o in others]
    assert [c["id"] for c in rest(ann).conversations()["conversations"]] == ids[::-1]
    rest(others[0]).send(receiver_id=ann.user_id)
    assert [c["id"] for c in rest(ann).conversations()["conversations"]] == [ids[0], ids[2], ids[1]]


def test_list_is_paged_without_loss_or_repetition(rest: MakeRest, user: MakeUser, ann: Account) -> None:
    ids = [rest(ann).send(receiver_id=user().user_id)["conversationId"] for _ in range(5)]
    found: list[int] = []
    params: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = rest(ann).conversations(**params)
        found += [c["id"] for c in page["conversations"]]
        params["cursor"] = page.get("cursor")
    assert found == ids[::-1]
    assert params["cursor"] is None


@pytest.fixture
def long(rest: MakeRest, ann: Account, ben: Account) -> int:
    client = rest(ann)
    return send_many(client, ben, 12)


@pytest.mark.parametrize(
    ("params", "expected", "has_more"),
    [
        ({"limit": 5}, [8, 9, 10, 11, 12], True),
        ({"limit": 12}, list(range(1, 13)), False),
        ({}, list(range(1, 13)), False),
        ({"before": 8, "limit": 3}, [5, 6, 7], True),
        ({"before": 4, "limit": 3}, [1, 2, 3], False),
        ({"before": 1}, [], False),
        ({"after": 3, "limit": 3}, [4, 5, 6], True),
        ({"after": 9, "limit": 3}, [10, 11, 12], False),
        ({"after": 12}, [], False),
        ({"after": 0, "limit": 100}, list(range(1, 13)), False),
    ],
)
def test_history_before_and_after(
    rest: MakeRest, ben: Account, long: int, params: dict[str, int], expected: list[int], has_more: bool
) -> None:
    page = rest(ben).history(long, **params)
    assert [m["seq"] for m in page["messages"]] == expected
    assert page["hasMore"] is has_more


def test_history_page_has_at_most_a_hundred_messages(rest: MakeRest, ben: Account, long: int) -> None:
    for limit in (0, -1, 101, 10**6):
        try:
            assert len(rest(ben).history(long, limit=limit)["messages"]) <= 100
        except Refused as error:
            assert error.code == "invalid"  # noqa: PT017 - refusing and answering less are both allowed


@pytest.mark.parametrize("params", [{"before": "x"}, {"after": -1}, {"limit": "many"}])
def test_invalid_history_page_is_refused(rest: MakeRest, ben: Account, long: int, params: Any) -> None:
    with refused("invalid"):
        rest(ben).history(long, **params)


def test_history_shows_complete_messages(rest: MakeRest, ann: Account, ben: Account, long: int) -> None:
    (first, *_) = rest(ann).history(long, after=0, limit=1)["messages"]
    wanted = {
        "id",
        "conversationId",
        "seq",
        "senderId",
        "message",
        "kind",
        "attachments",
        "sentAt",
        "status",
        "reactions",
    }
    assert set(first) >= wanted
    assert (first["seq"], first["senderId"], first["message"], first["status"]) == (
        1,
        ann.user_id,
        "m1",
        "stored",
    )


def test_conversation_without_messages(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).direct(ben.user_id)
    assert (made["lastSeq"], made["unread"], made.get("lastMessage")) == (0, 0, None)
    assert rest(ben).history(made["id"]) == {"messages": [], "hasMore": False}
