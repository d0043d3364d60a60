"""The history around a message, for links, and around a moment, for jumps to a date."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import MakeGroup, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, RestClient

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def made(group: MakeGroup, rest: MakeRest, ann: Account, ben: Account, stored: Engine) -> int:
    """A group of 40 messages, the system message included, one per day from START on."""
    conversation_id = group(ann, ben)
    for n in range(2, 41):
        rest(ann).send(conversation_id=conversation_id, message=f"m{n}")
    change = text("update messages set sent_at = :start + (seq - 1) * interval '1 day' where conversation_id = :c")
    with stored.begin() as connection:
        connection.execute(change, {"c": conversation_id, "start": START})
    return conversation_id


def around(rest: RestClient, conversation_id: int, **query: Any) -> tuple[list[int], int | None, bool, bool]:
    page = rest.json("GET", f"/conversations/{conversation_id}/messages", params=query)
    return [m["seq"] for m in page["messages"]], page.get("seq"), page["hasMore"], page["hasMoreAfter"]


@pytest.mark.parametrize(
    ("seq", "limit", "first", "last"),
    [(20, 10, 15, 24), (20, 1, 20, 20), (1, 10, 1, 5), (40, 10, 35, 40), (38, 11, 33, 40), (20, 100, 1, 40)],
)
def test_message_is_in_the_middle(
    rest: MakeRest, made: int, ben: Account, seq: int, limit: int, first: int, last: int
) -> None:
    seqs, found, before, after = around(rest(ben), made, around=seq, limit=limit)
    assert (seqs, found) == (list(range(first, last + 1)), seq)
    assert (before, after) == (first > 1, last < 40)


def test_message_is_found_by_its_id(rest: MakeRest, made: int, ann: Account) -> None:
    sent = rest(ann).send(conversation_id=made, message="last")
    for id_ in (sent["id"], sent["id"].upper()):
        assert around(rest(ann), made, around=id_, limit=2) == ([40, 41], 41, True, False)


def test_invisible_message_is_not_found(
    rest: MakeRest, group: MakeGroup, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    other = rest(ann).send(conversation_id=group(ann))
    sent = rest(ann).send(conversation_id=made)
    for who, place in ((eve, 20), (eve, sent["id"]), (ann, 9999), (ann, other["id"]), (ann, str(uuid.uuid4()))):
        with refused("not_found"):
            around(rest(who), made, around=place)
    rest(ben).delete(sent["id"], made, scope="me")
    for place in (sent["id"], sent["seq"]):
        with refused("not_found"):
            around(rest(ben), made, around=place)
    assert around(rest(ann), made, around=sent["id"])[1] == sent["seq"]


def test_newcomers_do_not_reach_behind_their_joining(rest: MakeRest, made: int, ann: Account, eve: Account) -> None:
    rest(ann).change(made, history="joined")
    rest(ann).add(made, eve.user_id)
    with refused("not_found"):
        around(rest(eve), made, around=20)
    assert around(rest(eve), made, at="2026-01-05") == ([42], 42, False, False)


@pytest.mark.parametrize(
    ("at", "seq"),
    [
        ("2025-01-01", 1),
        ("0001-01-01T00:00:00+14:00", 1),
        ("2026-01-01", 1),
        ("2026-01-10", 10),
        ("2026-01-10T00:00:00.001Z", 11),
        ("2026-02-09T12:00:00+02:00", 40),
        ("9999-12-31T23:59:59-12:00", 40),
    ],
)
def test_time_leads_to_the_first_message_since_then(rest: MakeRest, made: int, ben: Account, at: str, seq: int) -> None:
    seqs, found, *_ = around(rest(ben), made, at=at, limit=4)
    assert found == seq
    assert seq in seqs


def test_hidden_messages_are_skipped(rest: MakeRest, made: int, ben: Account) -> None:
    [message] = rest(ben).history(made, after=9, limit=1)["messages"]
    rest(ben).delete(message["id"], made, scope="me")
    assert around(rest(ben), made, at="2026-01-10", limit=2) == ([9, 11], 11, True, True)


def test_empty_conversation_has_no_place(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).direct(ben.user_id)["id"]
    assert around(rest(ann), made, at="2026-01-10") == ([], None, False, False)


def test_new_message_is_found_at_once(rest: MakeRest, made: int, ann: Account) -> None:
    now = datetime.now(UTC) - timedelta(minutes=5)
    sent = rest(ann).send(conversation_id=made, message="now")
    assert around(rest(ann), made, at=now.isoformat())[1] == sent["seq"]


@pytest.mark.parametrize(
    "query",
    [
        {"around": "0"},
        {"around": "-1"},
        {"around": "abc"},
        {"around": "9" * 16},
        {"at": "yesterday, at ten"},
        {"around": "1", "at": "2026-01-01"},
        {"around": "1", "before": "5"},
        {"at": "2026-01-01", "after": "5"},
        {"around": "1", "limit": "101"},
    ],
)
def test_bad_place_is_refused(rest: MakeRest, made: int, ann: Account, query: dict[str, str]) -> None:
    with refused("invalid"):
        rest(ann).json("GET", f"/conversations/{made}/messages", params=query)
