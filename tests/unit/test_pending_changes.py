"""Pending records are applied over the rows of Postgres. The result does not depend on how many are stored already."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.core.kinds import Kind
from app.core.records import MessageBody, ReactedBody, Record, SwitchBody, encode_body
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


@given(changes=CHANGES, stored=st.integers(0, 15), overlap=st.integers(0, 5))
def test_any_split_between_store_and_tail_gives_the_same_messages(
    changes: list[tuple[str, int, int]], stored: int, overlap: int
) -> None:
    """``overlap`` records were stored after the tail was read: they are in both."""
    records = history(changes)
    whole = applied(Messages(ANN), records)
    from_store = applied(Messages(ANN), records[:stored])
    split = Messages(ANN)
    for place, view in from_store.views.items():
        split.put(view, from_store.versions[place], from_store.created[place])
    applied(split, records[max(0, stored - overlap) :])
    assert split.views == whole.views
    assert split.versions == whole.versions
    assert split.created == whole.created


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
