"""The base of the types of answers and events, and times in them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Time = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, milliseconds",
        extra_json_schema={"format": "date-time"},
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z\Z",
    ),
]


class Answer(Struct, rename="camel", frozen=True, kw_only=True):
    """Base of all answers."""
