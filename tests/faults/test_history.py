"""Tests the checker itself: it must catch a violation of each invariant and accept a correct history."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.history import History, read_histories, violations
from tests.faults.stored import Row, Stored

ANN, BEN, EVE = 1, 2, 3
MEMBERS = {7: frozenset({ANN, BEN})}
ROWS = (Row(7, 1, "a", ANN, "one"), Row(7, 2, "b", BEN, "two"), Row(7, 3, "c", ANN, "three"))


def records() -> list[dict[str, Any]]:
    """A correct run: Ann sends a and c, Ben sends b, and both resume once."""

    def received(user: int, id_: str, seq: int, sender: int) -> dict[str, Any]:
        return {
            "user": user,
            "what": "received",
            "id": id_,
            "conversationId": 7,
            "seq": seq,
            "senderId": sender,
        }

    def acked(user: int, id_: str, seq: int) -> dict[str, Any]:
        return {"user": user, "what": "acked", "id": id_, "conversationId": 7, "seq": seq}

    return [
        {"user": ANN, "what": "connected"},
        {"user": BEN, "what": "connected"},
        {"user": ANN, "what": "sent", "id": "a", "body": "one"},
        received(BEN, "a", 1, ANN),
        acked(ANN, "a", 1),
        {"user": BEN, "what": "sent", "id": "b", "body": "two"},
        acked(BEN, "b", 2),
        {"user": ANN, "what": "closed"},
        {"user": ANN, "what": "connected"},
        received(ANN, "b", 2, BEN),
        {"user": ANN, "what": "sent", "id": "c", "body": "three"},
        acked(ANN, "c", 3),
        received(BEN, "c", 3, ANN),
    ]


def judge(lines: list[dict[str, Any]], rows: tuple[Row, ...] = ROWS) -> list[str]:
    histories: dict[int, History] = {}
    for record in lines:
        histories.setdefault(record["user"], History(record["user"])).add(record)
    return violations(histories.values(), Stored(rows, MEMBERS))


def where(lines: list[dict[str, Any]], **want: Any) -> int:
    return next(i for i, line in enumerate(lines) if want.items() <= line.items())


def test_correct_history_passes() -> None:
    assert judge(records()) == []


def test_history_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "clients.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records()), encoding="utf-8")
    assert violations(read_histories(path).values(), Stored(ROWS, MEMBERS)) == []


def test_acked_message_that_is_not_stored_is_caught() -> None:
    assert any(s.startswith("I1") for s in judge(records(), ROWS[:2]))


def test_ack_with_another_seq_than_stored_is_caught() -> None:
    lines = records()
    lines[where(lines, what="acked", id="c")]["seq"] = 4
    assert any(s.startswith("I1") for s in judge(lines))


def test_two_rows_for_one_id_are_caught() -> None:
    assert any(s.startswith("I2") for s in judge(records(), (*ROWS, Row(7, 4, "c", ANN, "three"))))


def test_two_different_acks_for_one_id_are_caught() -> None:
    lines = records()
    lines.append({**lines[where(lines, what="acked", id="a")], "seq": 2})
    assert any(s.startswith("I2") for s in judge(lines))


def test_gap_in_seq_is_caught() -> None:
    assert any(s.startswith("I3") for s in judge(records(), (ROWS[0], ROWS[1], Row(7, 4, "c", ANN, "three"))))


def test_messages_out_of_order_in_one_connection_are_caught() -> None:
    lines = records()
    first, last = (
        where(lines, user=BEN, id="a", what="received"),
        where(lines, user=BEN, id="c", what="received"),
    )
    lines[first], lines[last] = lines[last], lines[first]
    assert any(s.startswith("I3") for s in judge(lines))


def test_repeated_message_in_one_connection_is_caught() -> None:
    lines = records()
    lines.append(dict(lines[where(lines, user=BEN, id="c", what="received")]))
    assert any(s.startswith("I3") for s in judge(lines))


def test_repeated_message_after_a_reconnect_is_allowed() -> None:
    lines = records()
    lines += [{"user": BEN, "what": "connected"}, lines[where(lines, user=BEN, id="c", what="received")]]
    assert judge(lines) == []


def test_missing_message_is_caught() -> None:
    lines = records()
    del lines[where(lines, user=BEN, id="c", what="received")]
    assert any(s.startswith("I4") for s in judge(lines))


def test_displayed_message_that_is_not_stored_is_caught() -> None:
    lines = [*records(), {**records()[3], "id": "ghost", "seq": 9}]
    assert any(s.startswith("I4") for s in judge(lines))


def test_resync_clears_displayed_messages_that_were_never_stored() -> None:
    lines = records()
    ghost = {**lines[3], "id": "ghost", "seq": 9}
    refetched = [{**lines[3], "what": "fetched"}, {**lines[-1], "what": "fetched"}]
    assert judge([*lines, ghost, {"user": BEN, "what": "resync"}, *refetched]) == []


@pytest.mark.parametrize("what", ["received", "fetched"])
def test_message_to_a_non_member_is_caught(what: str) -> None:
    lines = [*records(), {**records()[3], "user": EVE, "what": what}]
    assert any(s.startswith("I5") for s in judge(lines))


def test_forged_sender_is_caught() -> None:
    lines = records()
    lines[where(lines, user=BEN, id="c", what="received")]["senderId"] = EVE
    assert any(s.startswith("I6") for s in judge(lines))


def test_changed_text_is_caught() -> None:
    assert any(s.startswith("I6") for s in judge(records(), (*ROWS[:2], Row(7, 3, "c", ANN, "forged"))))


def in_a_group(missed_by: int | None = None, twice_to: int | None = None) -> list[str]:
    """A group of three, created with seq 1. Ann sends seq 2, and every member gets it."""
    rows = (Row(9, 1, "s", ANN, "", "system"), Row(9, 2, "g", ANN, "all"))
    got = {"what": "received", "id": "g", "conversationId": 9, "seq": 2, "senderId": ANN}
    lines = [{"user": ANN, "what": "sent", "id": "g", "body": "all"}]
    lines.append({"user": ANN, "what": "acked", "id": "g", "conversationId": 9, "seq": 2})
    lines += [{"user": who, **got} for who in (BEN, EVE, twice_to) if who not in (None, missed_by)]
    histories = {who: History(who) for who in (ANN, BEN, EVE)}
    for record in lines:
        histories[record["user"]].add(record)
    return violations(histories.values(), Stored(rows, {9: frozenset(histories)}))


def test_correct_group_history_passes() -> None:
    assert in_a_group() == []


def test_message_missing_for_one_group_member_is_caught() -> None:
    assert [s[:9] for s in in_a_group(missed_by=EVE)] == [f"I4 user {EVE}"]


def test_message_repeated_for_one_group_member_is_caught() -> None:
    assert {s[:2] for s in in_a_group(twice_to=BEN)} == {"I3"}


def test_message_that_nobody_sent_is_caught() -> None:
    assert any(s.startswith("I6") for s in judge(records(), (*ROWS, Row(7, 4, "d", ANN, "four"))))


# --- edits, reactions, marks, leaving

EDITED_ROWS = (Row(7, 1, "a", ANN, "one (edited)"), *ROWS[1:])
LATE = Stored(EDITED_ROWS, MEMBERS, {}, {(7, ANN): (2, 2), (7, BEN): (3, 1)}, {"a": frozenset("x"), "c": frozenset()})


def changed() -> list[dict[str, Any]]:
    """After `records`: Ann edits a, Ben reacts to it and reads it, and reacts to c and takes it back."""
    at = {"conversationId": 7}
    return [
        *records(),
        {"user": ANN, "what": "edit_acked", "id": "a", "body": "one (edited)", **at},
        {"user": BEN, "what": "updated", "id": "a", "body": "one (edited)", **at},
        {"user": BEN, "what": "reaction_acked", "id": "a", "emoji": "x", "on": True, **at},
        {"user": BEN, "what": "reaction", "id": "c", "userId": BEN, "emoji": "x", "on": True, **at},
        {"user": BEN, "what": "reaction", "id": "c", "userId": BEN, "emoji": "x", "on": False, **at},
        {"user": BEN, "what": "read_acked", "seq": 1, **at},
        {"user": ANN, "what": "mark", "mark": "message_read", "userId": BEN, "seq": 1, **at},
        {"user": ANN, "what": "mark", "mark": "message_delivered", "userId": BEN, "seq": 3, **at},
    ]


def judge_changed(lines: list[dict[str, Any]], stored: Stored = LATE) -> set[str]:
    """Returns the beginnings of the sentences: number and user."""
    histories: dict[int, History] = {}
    for record in lines:
        histories.setdefault(record["user"], History(record["user"])).add(record)
    return {" ".join(sentence.split()[:3]).rstrip(":") for sentence in violations(histories.values(), stored)}


def test_correct_changes_pass() -> None:
    assert judge_changed(changed()) == set()


@pytest.mark.parametrize(
    ("what", "user", "number"),
    [
        ({"what": "updated"}, BEN, "I4"),
        ({"what": "reaction", "on": False}, BEN, "I4"),
        ({"what": "mark", "mark": "message_read"}, ANN, "I4"),
        ({"what": "mark", "mark": "message_delivered"}, ANN, "I4"),
    ],
    ids=["edit", "reaction", "read mark", "delivered mark"],
)
def test_change_that_a_client_missed_is_caught(what: dict[str, Any], user: int, number: str) -> None:
    lines = [
        {**line, "body": "one"} if line["what"] == "received" and line["id"] == "a" else line for line in changed()
    ]
    del lines[where(lines, user=user, **what)]
    assert judge_changed(lines) == {f"{number} user {user}"}


@pytest.mark.parametrize(
    ("lost", "user"),
    [
        (replace(LATE, rows=ROWS), ANN),
        (replace(LATE, reactions={}), BEN),
        (replace(LATE, marks={(7, ANN): (2, 2), (7, BEN): (3, 0)}), BEN),
    ],
    ids=["edit", "reaction", "read mark"],
)
def test_acked_change_that_is_not_stored_is_caught(lost: Stored, user: int) -> None:
    assert f"I1 user {user}" in judge_changed(changed(), lost)


def test_changes_that_a_resync_makes_unknown_are_not_judged() -> None:
    lines = [*changed(), {"user": BEN, "what": "resync"}]
    lines += [{**lines[3], "what": "fetched"}, {**records()[-1], "what": "fetched"}]
    lines[-2] |= {"body": "one (edited)", "reactions": ["x"]}
    assert judge_changed(lines) == set()


def test_event_after_leaving_is_caught() -> None:
    lines = [*records(), {"user": BEN, "what": "left", "conversationId": 7}]
    former = Stored(ROWS, {7: frozenset({ANN})}, {(7, BEN): 3})
    assert judge_changed(lines, former) == set()
    reaction = {
        "user": BEN,
        "what": "reaction",
        "id": "a",
        "userId": ANN,
        "emoji": "x",
        "on": True,
        "conversationId": 7,
    }
    assert judge_changed([*lines, reaction], former) == {f"I5 user {BEN}"}


def test_message_written_after_leaving_is_caught() -> None:
    assert judge_changed(records(), Stored(ROWS, {7: frozenset({ANN})}, {(7, BEN): 2})) >= {f"I5 user {BEN}"}


def test_message_before_leaving_that_is_missing_is_caught() -> None:
    lines = records()
    del lines[where(lines, user=BEN, id="c", what="received")]
    assert judge_changed(lines, Stored(ROWS, {7: frozenset({ANN})}, {(7, BEN): 3})) == {f"I4 user {BEN}"}


def test_gap_that_is_filled_late_is_caught() -> None:
    """In a later connection the order looks right, but the message was missing on the screen."""
    lines = records()
    first, late = where(lines, user=BEN, id="a", what="received"), {"user": BEN, "what": "connected"}
    lines += [late, lines.pop(first)]
    assert judge_changed(lines, Stored(ROWS, MEMBERS)) == {f"I3 user {BEN}"}


def test_seq_that_becomes_another_message_is_caught() -> None:
    lines = records()
    ghost = {**lines[where(lines, user=BEN, id="a", what="received")], "id": "ghost"}
    lines.insert(2, ghost)
    assert "I3 user 2" in judge_changed(lines, Stored(ROWS, MEMBERS))
