"""The bounds of metadata, and its edits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.errors import Invalid, ParleyError, TooLarge
from app.core.events import Event
from app.core.kinds import Kind, event_of
from app.core.message_view import body_for_edit, edit
from app.core.metadata import MAX_METADATA_BYTES, check_metadata
from app.core.records import MessageBody, Record, encode_body

ORDER = {"order": {"id": "A-17", "lines": [{"sku": "x", "count": 2}]}, "ümlaut": "漢", "none": None, "share": 0.25}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"end": 1}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def of_size(size: int) -> dict[str, Any]:
    return {"a": "x" * (size - len('{"a":""}'))}


@pytest.mark.parametrize("value", [{}, ORDER, nested(5), of_size(MAX_METADATA_BYTES), {"a": [[[[]]]]}, {"n": 1e20}])
def test_metadata_within_the_bounds(value: dict[str, Any]) -> None:
    check_metadata(value)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (nested(6), Invalid),
        ({"a": [[[[[]]]]]}, Invalid),
        ({"a": "\x00"}, Invalid),
        ({"a": [{"b\x00": 1}]}, Invalid),
        (of_size(MAX_METADATA_BYTES + 1), TooLarge),
        ({"a": "漢" * 1400}, TooLarge),
        ({"n": [1e300] * 20}, TooLarge),  # Postgres writes each with 301 digits
        ({"n": [5e-300] * 20}, TooLarge),
    ],
)
def test_metadata_beyond_the_bounds(value: dict[str, Any], error: type[ParleyError]) -> None:
    with pytest.raises(error) as caught:
        check_metadata(value, "data")
    assert caught.value.as_data()["errors"][0]["field"] == "data"


def edited(**more: Any) -> Record:
    body = encode_body(MessageBody(id="i", sender_id=7, message="new", **more))
    return Record(int(Kind.EDITED), 1, 2, 3, 4, 7, "i", body, "", "g")


def data(event: Event) -> Any:
    return msgspec.json.decode(event.data)


def view() -> dict[str, Any]:
    return {"id": "i", "senderId": 7, "message": "old", "kind": "text", "attachments": [], "metadata": ORDER}


def test_edit_of_a_text_keeps_the_metadata() -> None:
    body = body_for_edit(view(), "new")
    assert (body.message, body.metadata) == ("new", ORDER)


def test_edit_sets_and_removes_metadata() -> None:
    shown = view()
    edit(shown, edited(metadata={"a": {"metadata": {}}}), False)
    assert shown["metadata"] == {"a": {"metadata": {}}}
    assert data(event_of(1, edited(metadata={"a": {"metadata": {}}})))["metadata"] == {"a": {"metadata": {}}}
    edit(shown, edited(metadata={}), False)
    assert "metadata" not in shown
    event = data(event_of(1, edited(metadata={})))
    assert "metadata" not in event
    assert (event["message"], event["seq"], event["senderId"]) == ("new", 2, 7)


def test_record_of_an_older_release_leaves_the_metadata() -> None:
    shown = view()
    edit(shown, edited(), False)
    assert (shown["message"], shown["metadata"]) == ("new", ORDER)
