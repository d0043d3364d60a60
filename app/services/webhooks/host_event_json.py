"""The JSON of an event, the same for webhooks and the feed."""

from __future__ import annotations

import msgspec

from app.core.host_events import event_id
from app.core.times import rfc3339
from app.core.webhooks import HostEventView

_encode = msgspec.json.Encoder().encode


def event_view(number: int, type_: str, created_ms: int, data: bytes) -> HostEventView:
    return HostEventView(id=event_id(number), type=type_, created_at=rfc3339(created_ms), data=msgspec.Raw(data))


def event_json(number: int, type_: str, created_ms: int, data: bytes) -> bytes:
    return _encode(event_view(number, type_, created_ms, data))
