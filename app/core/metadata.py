"""JSON of an application that the server does not read. It stores metadata, and shows them with a message, a
conversation or a user. It only passes on the data of custom events.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.core.errors import Invalid, TooLarge

MAX_METADATA_BYTES = 4096
MAX_METADATA_LEVELS = 5
MAX_EVENT_BYTES = 4096
MAX_EVENT_LEVELS = 32

Metadata = Annotated[
    dict[str, Any],
    Meta(description="Your application's own data, of at most 4 KiB and five levels; the server keeps and shows it"),
]

_encode = msgspec.json.Encoder().encode


def as_text(value: dict[str, Any]) -> str:
    """Returns a text that does not depend on the order of the fields, because Redis compares texts."""
    return msgspec.json.encode(value, order="sorted").decode()


def with_metadata(info: dict[str, Any]) -> dict[str, Any]:
    """Returns the info of a conversation or a user as it is shown. Redis has the metadata in it as text."""
    text = info.get("metadata")
    return {**info, "metadata": msgspec.json.decode(text)} if isinstance(text, str) else info


def with_metadata_as_text(info: dict[str, Any]) -> dict[str, Any]:
    """Returns the info for Redis. MessagePack has no integers of more than 64 bits, and metadata may have them."""
    value = info.get("metadata")
    return info if value is None else {**info, "metadata": as_text(value)}


def check_metadata(value: dict[str, Any], field: str = "metadata") -> None:
    """Raises TooLarge or Invalid."""
    check_json(value, field, MAX_METADATA_BYTES, MAX_METADATA_LEVELS)


def check_json(value: Any, field: str, max_bytes: int, max_levels: int) -> None:
    """Raises TooLarge or Invalid."""
    if len(_encode(value)) + _check(value, max_levels, field) > max_bytes:
        what = f"more than {max_bytes} bytes as JSON"
        raise TooLarge(f"{field}: {what}", errors=[{"field": field, "message": what}])


def _check(value: Any, levels: int, field: str) -> int:
    """Returns by how many bytes the value grows if its numbers are written without an exponent, as Postgres writes
    them. Otherwise ``1e308`` could become much larger than it was sent.
    """
    if isinstance(value, str):
        _refuse_nul(value, field)
    elif isinstance(value, float):
        return len(format(Decimal(repr(value)), "f")) - len(_encode(value))
    elif isinstance(value, dict | list):
        if not levels:
            raise Invalid.field(field, "nested too deeply")
        if isinstance(value, list):
            return sum(_check(item, levels - 1, field) for item in value)
        for name in value:
            _refuse_nul(name, field)
        return sum(_check(item, levels - 1, field) for item in value.values())
    return 0


def _refuse_nul(text: str, field: str) -> None:
    if "\x00" in text:
        raise Invalid.field(field, "contains a NUL character")
