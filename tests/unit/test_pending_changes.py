"""Records that are not stored yet, applied to messages as one user sees them."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.kinds import Kind
from app.core.records import MessageBody, ReactedBody, Record, SwitchBody, encode_body
from app.services.reading.pending_changes import Messages

ANN, BEN = 1, 2
PLACE = (7, 3)
ID = "0199aaaa-0000-7000-8000-000000000000"
VIEW = {"id": ID, "conversationId": 7, "seq": 3, "senderId": BEN, "kind": "text", "message": "old", "attachments": []}


def record(kind: Kind, version: int, user_id: int = BEN, body: str = "") -> Record:
    return Record(kind, *PLACE, version, 1_700_000_000_000, user_id, ID, body, "", "")


def shown(*records: Record, viewer: int = ANN, version: int = 10) -> dict[str, Any] | None:
    """Returns the message as ``viewer`` sees it; Postgres has it at ``version``."""
    messages = Messages(viewer)
    messages.put({**VIEW, "reactions": []}, version, version)
    messages.apply(records)
    return messages.views.get(PLACE)


EDIT = encode_body(MessageBody(id=ID, sender_id=BEN, message="new"))
ON, OFF = encode_body(SwitchBody(on=True)), encode_body(SwitchBody(on=False))


def test_change_is_applied_only_if_postgres_has_an_older_version() -> None:
    edit = record(Kind.EDITED, 20, body=EDIT)
    assert (shown(edit) or {})["message"] == "new"
    assert (shown(edit, version=20) or {})["message"] == "old"


def test_deletion_leaves_no_content_and_later_changes_do_nothing() -> None:
    reaction = record(Kind.REACTED, 30, body=encode_body(ReactedBody(emoji="x", on=True)))
    star = record(Kind.STARRED, 15, ANN, ON)
    view = shown(star, record(Kind.DELETED, 20), reaction)
    assert view is not None
    assert view.keys() == {"id", "conversationId", "seq", "senderId", "kind", "reactions", "deletedAt"}
    assert view["reactions"] == []


@pytest.mark.parametrize(("viewer", "starred"), [(ANN, True), (BEN, None)])
def test_star_shows_only_to_its_user(viewer: int, starred: bool | None) -> None:
    assert (shown(record(Kind.STARRED, 20, ANN, ON), viewer=viewer) or {}).get("starred") is starred


def test_star_does_not_depend_on_the_version_of_the_message() -> None:
    assert (shown(record(Kind.STARRED, 20, ANN, ON), version=30) or {})["starred"] is True
    assert "starred" not in (shown(record(Kind.STARRED, 20, ANN, ON), record(Kind.STARRED, 21, ANN, OFF)) or {})


def test_message_hidden_by_one_user_stays_for_the_other() -> None:
    hidden = record(Kind.HIDDEN, 20, ANN)
    assert shown(hidden) is None
    assert shown(hidden, viewer=BEN) is not None


def test_blocked_message_is_seen_only_by_its_sender() -> None:
    sent = record(Kind.BLOCKED_MESSAGE, 20, BEN, EDIT)
    for viewer, count in ((BEN, 1), (ANN, 0)):
        messages = Messages(viewer)
        messages.apply([sent])
        assert len(messages.views) == count
