"""Imported messages in the drain, and the lines of an import."""

from __future__ import annotations

import json

import pytest

from app.core.errors import Invalid
from app.core.host_events import created
from app.core.imports import decode_line, version_of
from app.core.kinds import Kind
from app.core.records import MessageBody, Record, encode_body
from app.services.drain.log_rows import Rows

LONG_AGO_MS, NOW_US = 1_551_398_400_000, 1_795_000_000_000_000


def rows_of(*, imported: bool) -> Rows:
    body = MessageBody(id="x", sender_id=7, message="hello")
    if imported:
        body.imported = True
    rows = Rows()
    rows.add(Record(Kind.MESSAGE, 1, 2, NOW_US, LONG_AGO_MS, 7, "x", encode_body(body), "", ""))
    return rows


def test_imported_message_keeps_its_time_and_notifies_nobody():
    rows = rows_of(imported=True)
    assert rows.push_triggers() == []
    assert rows.messages[0].sent_ms == LONG_AGO_MS
    assert json.loads(rows.messages[0].extra or "") == {"imported": True}
    assert len(rows_of(imported=False).push_triggers()) == 1


def test_imported_message_is_no_event_for_the_host():
    body = MessageBody(id="x", sender_id=7, message="hello", imported=True)
    record = Record(Kind.MESSAGE, 1, 2, NOW_US, LONG_AGO_MS, 7, "x", encode_body(body), "", "")
    assert list(created(record, body)) == []


def test_versions_of_imports_are_in_the_order_of_time_and_below_those_of_the_log():
    later = version_of(NOW_US // 1000, 10**9)
    assert version_of(LONG_AGO_MS, 511) < version_of(LONG_AGO_MS + 1) < later < NOW_US


def test_derived_ids_depend_on_what_the_line_says():
    def id_of(**more: object) -> str:
        line, _ = decode_line(json.dumps({"type": "message", "sentAt": "2019-03-01T00:00:00Z", **more}).encode())
        return str(line.id_or_derived(line.sent_ms(NOW_US // 1000)))  # type: ignore[union-attr]

    said = {"conversation": "a", "sender": "b", "message": "c", "metadata": {"x": 1, "y": 2}}
    assert id_of(**said) == id_of(**{**dict(reversed(said.items())), "metadata": {"y": 2, "x": 1}})
    different = [{"conversation": "z"}, {"sender": "z"}, {"message": "z"}, {"metadata": {}}, {"kind": "note"}]
    assert len({id_of(**{**said, **change}) for change in [{}, *different]}) == 1 + len(different)


def test_unknown_fields_of_a_line_are_listed_and_nul_is_refused():
    assert decode_line(b'{"type": "user", "externalId": "a", "shape": 1}')[1] == ["shape"]
    with pytest.raises(Invalid):
        decode_line(b'{"type": "user", "externalId": "a", "displayName": "a\\u0000"}')
    decode_line(b'{"type": "user", "externalId": "a", "displayName": "a\\\\u0000"}')
