"""Pending records are applied over the rows of Postgres. The result does not depend on how many are stored already."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.kinds import Kind
from app.core.records import MessageBody, ReactedBody, Record, SwitchBody, decode_as, encode_body
from app.services.reading.pending_changes import Messages

ANN, BEN = 1, 2
PAIR = 7


def record(kind: Kind, seq: int, version: int, user: int, body: str = "") -> Record:
    return Record(kind, PAIR, seq, version, version, user, f"id-{seq}", body, "", "")


def text_body(seq: int, sender: int, text: str) -> str:
    return encode_body(MessageBody(id=f"id-{seq}", sender_id=sender, message=text))


def message(seq: int, version: int, sender: int, text: str = "first") -> Record:
    return record(Kind.MESSAGE, seq, version, sender, text_body(seq, sender, text))


def change(what: str, seq: int, version: int, user: int) -> Record:
    """Returns one change of a message that exists. Only its sender edits; both sides do everything else."""
    if what == "edit":
        return record(Kind.EDITED, seq, version, ANN, text_body(seq, ANN, f"text {version}"))
    if what == "react":
        return record(Kind.REACTED, seq, version, user, encode_body(ReactedBody("+", version % 2 == 0)))
    if what == "pin":
        return record(Kind.PINNED, seq, version, user, encode_body(SwitchBody(version % 2 == 0)))
    return record({"delete": Kind.DELETED, "hide": Kind.HIDDEN}[what], seq, version, user)


SHARED = ("edit", "react", "pin", "delete")
CHANGES = st.lists(st.tuples(st.sampled_from(SHARED), st.integers(1, 3), st.sampled_from([ANN, BEN])), max_size=12)


def history(changes: list[tuple[str, int, int]]) -> list[Record]:
    sent = [message(seq, seq, ANN) for seq in (1, 2, 3)]
    return sent + [change(what, seq, 10 + n, user) for n, (what, seq, user) in enumerate(changes)]


@given(changes=CHANGES, stored=st.integers(0, 15), more=st.integers(0, 5), overlap=st.integers(0, 5))
def test_any_split_between_store_and_tail_gives_the_same_messages(
    changes: list[tuple[str, int, int]], stored: int, more: int, overlap: int
) -> None:
    """``overlap`` records were stored after the tail was read: they are in both. ``more`` were stored after the rows
    were read and before their reactions.
    """
    records = history(changes)
    whole = applied(Messages(ANN), records)
    rows, later = (applied(Messages(ANN), records[:upto]) for upto in (stored, stored + more))
    split = Messages(ANN)
    for place, view in rows.views.items():
        reactions = [] if "deletedAt" in view else later.views[place]["reactions"]
        split.put({**view, "reactions": reactions}, rows.versions[place], rows.created[place])
        split.put_reactions(place, {} if "deletedAt" in later.views[place] else chosen(records[: stored + more], place))
    applied(split, records[max(0, stored - overlap) :])
    assert split.views == whole.views
    assert split.versions == whole.versions
    assert split.created == whole.created


def chosen(records: list[Record], place: tuple[int, int]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"+": set()}
    for one in records:
        if one.kind == Kind.REACTED and one.place == place:
            (found["+"].add if decode_as(ReactedBody, one.body).on else found["+"].discard)(one.user_id)
    return found


@pytest.mark.parametrize("user", [ANN, BEN])
def test_reaction_that_was_taken_back_before_the_reactions_were_read_is_gone(user: int) -> None:
    taken_back = record(Kind.REACTED, 1, 3, user, encode_body(ReactedBody("+", on=False)))
    found = applied(Messages(ANN), [message(1, 1, ANN), change("react", 1, 2, user)])
    found.views[PAIR, 1]["reactions"] = []
    found.put_reactions((PAIR, 1), {})
    found.apply([taken_back])
    assert found.views[PAIR, 1]["reactions"] == []


def applied(messages: Messages, records: list[Record]) -> Messages:
    messages.apply(records)
    return messages


def views(records: list[Record], user: int) -> dict[int, Any]:
    return {seq: view for (_, seq), view in applied(Messages(user), records).views.items()}


def test_hidden_message_is_gone_only_for_the_user_who_hid_it() -> None:
    records = [message(1, 1, ANN), message(2, 2, ANN), change("hide", 1, 3, BEN)]
    assert list(views(records, BEN)) == [2]
    assert list(views(records, ANN)) == [1, 2]


def test_blocked_message_exists_only_for_its_sender() -> None:
    blocked = message(1, 1, ANN)._replace(kind=Kind.BLOCKED_MESSAGE)
    assert list(views([blocked], ANN)) == [1]
    assert views([blocked], BEN) == {}


def test_deleted_message_takes_no_further_change() -> None:
    records = [message(1, 1, ANN), change("delete", 1, 2, ANN), change("edit", 1, 3, ANN), change("react", 1, 4, BEN)]
    view = views(records, BEN)[1]
    assert "deletedAt" in view
    assert not view.get("message")
    assert not view.get("reactions")


def test_change_of_a_message_that_is_not_shown_is_ignored() -> None:
    assert views([change("edit", 9, 1, ANN), change("delete", 9, 2, ANN)], ANN) == {}


def test_marked_places_are_those_from_the_store() -> None:
    messages = applied(Messages(ANN), [message(1, 1, ANN)])
    messages.mark_stored()
    messages.apply([message(2, 2, ANN)])
    assert [messages.is_stored((PAIR, seq)) for seq in (1, 2)] == [True, False]
