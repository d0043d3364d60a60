"""Tests the checker of streams, media and notifications: it must catch each violation and accept a correct end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.history import History, violations
from tests.faults.outside import push_violations
from tests.faults.stored import Row, Stored

ANN, BEN, EVE = 1, 2, 3
TEXT, FILE = "one two three", "m1"
STORED = Stored(
    (Row(7, 1, "s", ANN, TEXT), Row(7, 2, "f", ANN, "look")),
    {7: frozenset({ANN, BEN, EVE})},
    files={"f": frozenset({FILE})},
    media={FILE: "ready"},
)


def stream(what: str, **more: Any) -> dict[str, Any]:
    where = {"conversationId": 7} if what in ("received", "appended", "updated", "acked") else {}
    return {"what": what, "id": "s", **where, **more}


WRITER = [
    stream("sent", body=""),
    stream("acked", seq=1),
    stream("wrote", text="one "),
    stream("wrote", text=TEXT),
    stream("finished"),
    {"what": "sent", "id": "f", "body": "look"},
    {"what": "shared", "id": "f", "mediaId": FILE},
    {"what": "acked", "id": "f", "conversationId": 7, "seq": 2},
]
FILED = {"id": "f", "conversationId": 7, "seq": 2, "senderId": ANN, "body": "look"}
READER = [
    stream("received", seq=1, senderId=ANN, body="", streaming=True),
    stream("appended", **{"from": 0, "text": "one "}),
    stream("appended", **{"from": 2, "text": "e two "}),
    {"what": "received", **FILED, "files": {FILE: "processing"}},
    {"what": "updated", **FILED, "files": {FILE: "ready"}},
    stream("updated", seq=1, senderId=ANN, body=TEXT),
]


def judge(writer: list[dict[str, Any]], reader: list[dict[str, Any]], stored: Stored = STORED) -> list[str]:
    histories = [History(ANN), History(BEN)]
    for history, records in zip(histories, (writer, reader), strict=True):
        for record in records:
            history.add(record)
    return violations(histories, stored)


def changed(body: str) -> Stored:
    return replace(STORED, rows=(replace(STORED.rows[0], body=body), STORED.rows[1]))


def test_correct_end_passes() -> None:
    assert judge(WRITER, READER) == []


def test_text_of_a_growing_stream_follows_the_appends() -> None:
    history = History(BEN)
    for record in READER[:3]:
        history.add(record)
    assert history.screen.texts["s"] == "one two "
    history.add(stream("updated", seq=1, senderId=ANN, body="one", streaming=True))
    assert history.screen.texts["s"] == "one two ", "what was read is older than what came"
    history.add(stream("appended", **{"from": 12, "text": "e"}))
    assert history.screen.texts["s"] == "one two ", "a gap"


@pytest.mark.parametrize("body", ["one two", "", "other"])
def test_finished_stream_with_another_text_is_caught(body: str) -> None:
    assert any(s.startswith("I1 the stream") for s in judge(WRITER, READER, changed(body)))


def test_stream_that_was_cut_may_hold_a_part_of_its_text_but_no_other() -> None:
    cut = [record for record in WRITER if record["what"] != "finished"]
    shown = [*READER[:-1], stream("updated", seq=1, senderId=ANN, body="one ")]
    assert judge(cut, shown, changed("one ")) == []
    assert any(s.startswith("I6 the stream") for s in judge(cut, shown, changed("two")))


def test_stream_that_still_grows_is_caught() -> None:
    assert any("still grows" in s for s in judge(WRITER, READER, replace(STORED, streaming=frozenset({"s"}))))


def test_reader_that_lacks_the_end_of_a_stream_is_caught() -> None:
    assert any(s.startswith("I4 user 2 shows s") for s in judge(WRITER, READER[:-1]))


def test_message_without_its_medium_is_caught() -> None:
    assert any("without its medium" in s for s in judge(WRITER, READER, replace(STORED, files={})))


def test_medium_that_is_not_ready_is_caught() -> None:
    lost = replace(STORED, media={FILE: "processing"})
    assert any(s.startswith(f"I4 the medium {FILE} of user 1") for s in judge(WRITER, READER, lost))
    shown = [record for record in READER if record.get("files") != {FILE: "ready"}]
    assert any(s.startswith(f"I4 user 2 shows the medium {FILE}") for s in judge(WRITER, shown))


def test_seq_that_becomes_another_message_over_rest_needs_a_resync() -> None:
    """The answer to a request may be earlier than the resync on the stream of events, but the resync must come."""
    lost = [{**FILED, "what": "received", "id": "gone"}]
    own = [{"what": "sent", "id": "f", "body": "look"}]
    ack = [{"what": "acked", "id": "f", "conversationId": 7, "seq": 2, "overRest": True}]
    stored = replace(STORED, rows=(Row(7, 1, "s", ANN, TEXT), Row(7, 2, "f", BEN, "look")), files={})
    assert any(s.startswith("I3") for s in judge([], [*own, *lost, *ack], stored))
    assert not any(s.startswith("I3") for s in judge([], [*own, *lost, *ack, {"what": "resync"}], stored))


PUSHED = {(EVE, 7, 1): "s", (EVE, 7, 2): "f"}


def test_device_with_the_newest_message_passes() -> None:
    assert list(push_violations([EVE], PUSHED, STORED)) == []
    assert list(push_violations([EVE], {(EVE, 7, 2): "f"}, STORED)) == [], "it covers the one before"


def test_device_that_was_not_notified_of_the_newest_message_is_caught() -> None:
    assert len(list(push_violations([EVE], {(EVE, 7, 1): "s"}, STORED))) == 1
    assert len(list(push_violations([EVE], {}, STORED))) == 1


def test_notification_of_another_message_is_caught() -> None:
    assert len(list(push_violations([EVE], {**PUSHED, (EVE, 7, 3): "x"}, STORED))) == 1
    assert len(list(push_violations([EVE], {(EVE, 7, 2): "s"}, STORED))) == 1
