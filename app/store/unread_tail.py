"""Unread counts of conversations whose newest changes are not in Postgres yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from app.store.distribution import ListStatement
from app.store.pg_arrays import int_array
from app.store.unread import IS_MEMBER, IS_MEMBER_OR_ADMITTED, read_by, unread_count


def _count(member: str) -> ListStatement:
    return ListStatement(
        f"""
    SELECT m.user_id, c.id, c.last_seq, {unread_count("m", f"greatest({read_by('m')}, wanted.read_seq)")}
    FROM unnest(CAST(:users AS bigint[]), CAST(:ids AS bigint[]), CAST(:reads AS bigint[]))
         AS wanted (u, id, read_seq)
    JOIN conversations AS c ON c.id = wanted.id
    JOIN members AS m ON m.conversation_id = c.id AND m.user_id = wanted.u AND {member}
""",
        "ids",
    )


_COUNT = _count(IS_MEMBER)
_COUNT_ADMITTED = _count(IS_MEMBER_OR_ADMITTED)


def count_with_floor(
    conn: Connection, floors: Mapping[tuple[int, int], int], *, admitted: Collection[int] = ()
) -> dict[tuple[int, int], tuple[int, int]]:
    """Returns (user, conversation) -> (last stored seq, unread of the newest ``COUNT_CAP`` stored messages), both from
    one snapshot.

    ``floors``: (user, conversation) -> the seq up to which the user has read, if Postgres does not have it yet; else 0.
    ``admitted`` are conversations whose admission is not stored yet.
    """
    values = {
        "users": int_array(user for user, _ in floors),
        "ids": int_array(conversation for _, conversation in floors),
        "reads": int_array(floors.values()),
    }
    rows = (
        _COUNT_ADMITTED.rows(conn, **values, admitted=int_array(admitted)) if admitted else _COUNT.rows(conn, **values)
    )
    return {(user, conversation): (seq, count) for user, conversation, seq, count in rows}
