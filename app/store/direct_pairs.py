"""Who the two of a direct conversation are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

_FIND = text("SELECT id FROM conversations WHERE direct_low = :low AND direct_high = :high")
_PAIRS = text("""
    SELECT id, direct_low, direct_high FROM conversations
    WHERE id = ANY(CAST(:ids AS bigint[])) AND direct_low IS NOT NULL
""")


def find_direct(conn: Connection, user: int, other: int) -> int | None:
    """The direct conversation of the two, if it was ever opened."""
    pair = {"low": min(user, other), "high": max(user, other)}
    return conn.execute(_FIND, pair).scalar_one_or_none()


def pairs_of(conn: Connection, conversation_ids: Sequence[int]) -> list[tuple[int, int, int]]:
    """``(conversation_id, low, high)`` for those that are direct."""
    return [(c, low, high) for c, low, high in conn.execute(_PAIRS, {"ids": list(conversation_ids)})]
