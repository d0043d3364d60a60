"""A replay shows some streams again although they have no version after its beginning."""

from __future__ import annotations

import json

import pytest

from app.services.reading.pending_changes import Messages
from app.services.reading.replay_events import Missed

CREATED, BEGIN, HORIZON = 10, 20, 20
PLACE = (1, 2)


@pytest.mark.parametrize(
    ("more", "changed", "open_then", "shown"),
    [
        ({"streaming": True, "length": 4}, CREATED, True, True),
        ({}, HORIZON + 1, True, True),  # it ended while the stores were read
        ({}, CREATED, False, False),  # it ended before
        ({"deletedAt": "2026-01-01T00:00:00.000Z"}, HORIZON + 1, True, False),
    ],
    ids=["open", "ended since", "ended before", "deleted since"],
)
def test_open_streams_are_shown_even_if_they_end_meanwhile(
    more: dict[str, object], changed: int, open_then: bool, shown: bool
) -> None:
    found = Messages(7)
    found.put({"id": "a", "conversationId": 1, "seq": 2, "message": "text", **more}, changed, CREATED)
    missed = Missed(found, {}, {}, HORIZON, HORIZON, False, frozenset([PLACE] if open_then else []))
    page = missed.page(1, BEGIN, BEGIN)
    assert [(event.name, json.loads(event.data)["message"], event.version) for event in page] == (
        [("message_updated", "text", 0)] if shown else []
    )
