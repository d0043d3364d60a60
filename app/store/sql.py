"""Small pieces that the queries share: moments as integers, and results as structs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")


def moment(ms: int) -> datetime:
    """Milliseconds since 1970 as an aware moment."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def ms_of(column: str) -> str:
    """SQL for a timestamptz column as ms since 1970. ``date_part`` is float8, a tenth of numeric
    ``extract``.
    """
    return f"CAST(date_part('epoch', {column}) * 1000 AS bigint)"


def structs(kind: type[T], rows: Iterable[Any]) -> list[T]:
    """Each row as ``kind``, whose fields stand in the order of the row's columns."""
    return [kind(*row) for row in rows]


def first(kind: type[T], row: Any | None) -> T | None:
    return None if row is None else kind(*row)
