"""Keys of a replay: the versions at which something changed for a user, without its content.

A key is a hint: a read of its row decides, by the same rules as a replay without keys, whether the user gets an event.
The exception is the user's membership. Messages and marks get keys only if the user may have them. The reads of their
rows do not check this again, because the check would cost as much as the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from sqlalchemy import Connection

from app.core.part import WHOLE, Part
from app.store.distribution import UserStatement
from app.store.layout import is_distributed, routed
from app.store.part_statement import PartStatement
from app.store.pg_arrays import int_array
from app.store.receipts import MAX_RECEIPT_MEMBERS
from app.store.sql import HotStatement, OneForm


class What(IntEnum):
    """What changed. ``OWN`` is a private change of the user, and ``ADMITTED`` a conversation that was held back."""

    MESSAGE = 0
    MARK = 1
    SETTINGS = 2
    GROUP = 3
    OWN = 4
    ADMITTED = 5
    MEDIUM = 6


class Key(NamedTuple):
    """``user_id`` is the member whose mark moved. It is 0 for everything else."""

    version: int
    conversation_id: int
    what: int
    user_id: int


def _within(column: str) -> str:
    return f"{column} > :after AND {column} <= :upto"


_MESSAGES = f"""
    (SELECT x.version, {What.MESSAGE:d} AS what, CAST(0 AS bigint) AS user_id FROM messages AS x
     WHERE x.conversation_id = m.conversation_id AND {_within("x.version")} AND x.version >= m.joined_version
       AND x.version <= coalesce(m.left_version, {2**63 - 1}) AND x.seq <= coalesce(m.left_seq, {2**63 - 1})
       AND x.seq > m.visible_from
     ORDER BY x.version LIMIT :limit)
"""
# The same marks as in receipts.py.
_MARKS = f"""
    SELECT x.version, {What.MARK:d}, x.user_id FROM members AS x
    WHERE x.conversation_id = m.conversation_id AND x.left_seq IS NULL AND m.left_seq IS NULL
      AND {_within("x.version")} AND x.version > m.joined_version
      AND (c.member_count <= {MAX_RECEIPT_MEMBERS} OR x.user_id = m.user_id)
    UNION ALL
    SELECT last.version, {What.MARK:d}, last.user_id FROM (
        SELECT x.version, x.user_id FROM members AS x
        WHERE c.member_count > {MAX_RECEIPT_MEMBERS} AND m.left_seq IS NULL
          AND x.conversation_id = m.conversation_id AND x.left_seq IS NULL AND x.user_id <> m.user_id
          AND x.version > greatest(:after, m.joined_version)
        ORDER BY x.version DESC LIMIT 1
    ) AS last WHERE last.version <= :upto
"""
_MEDIA = f"""
    SELECT x.version, {What.MEDIUM:d}, 0 FROM media AS x
    WHERE x.conversation_id = m.conversation_id AND m.left_seq IS NULL AND {_within("x.version")}
"""
_STATES = f"""
    SELECT state.version, state.what, 0 FROM (VALUES
        (m.settings_version, {What.SETTINGS:d}), (c.info_version, {What.GROUP:d}), (m.left_version, {What.GROUP:d}),
        (m.cleared_version, {What.OWN:d}), (CASE WHEN m.joined_seq = 0 THEN m.joined_version END, {What.ADMITTED:d})
    ) AS state (version, what) WHERE {_within("state.version")}
"""
_OF_USER = "\nUNION ALL ".join(
    f"""SELECT version, conversation_id, {What.OWN:d}, 0 FROM {table}
        WHERE user_id = :user_id AND {_within("version")} AND of_part(conversation_id)"""
    for table in ("hidden_messages", "stars", "drafts", "shadow_changes")
)
_KEYS = PartStatement(
    f"""
    SELECT version, conversation_id, what, user_id FROM (
        SELECT k.version, m.conversation_id, k.what, k.user_id
        FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
        JOIN members AS m ON m.conversation_id = wanted.id AND m.user_id = :user_id
            AND (m.left_version IS NULL OR m.left_version > :after)
        JOIN conversations AS c ON c.id = wanted.id
        CROSS JOIN LATERAL ({_MESSAGES} UNION ALL {_MARKS} UNION ALL {_MEDIA} UNION ALL {_STATES}) AS k
        UNION ALL {_OF_USER}
    ) AS found ORDER BY version LIMIT :limit
""",
    OneForm,
)


# In parts, for distributed conversations. Reads of the rows check who sees a medium.
_OF_CHANGED = HotStatement(
    routed(
        f"""
    SELECT k.version, m.conversation_id, k.what, k.user_id
    FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members AS m ON m.conversation_id = wanted.id AND m.user_id = :user_id
        AND (m.left_version IS NULL OR m.left_version > :after)
    JOIN conversations AS c ON c.id = wanted.id
    CROSS JOIN LATERAL ({_MESSAGES} UNION ALL {_MARKS} UNION ALL {_STATES}) AS k
    ORDER BY k.version LIMIT :limit
    """,
        "conversations",
    )
)
_PRIVATE = UserStatement(f"SELECT * FROM ({_OF_USER}) AS own ORDER BY version LIMIT :limit")
_MEDIA_OF = HotStatement(f"""
    SELECT version, conversation_id, {What.MEDIUM:d}, 0 FROM media
    WHERE conversation_id = ANY(CAST(:conversations AS bigint[])) AND {_within("version")}
    ORDER BY version LIMIT :limit
""")


def keys_between(
    conn: Connection,
    user_id: int,
    conversations: Sequence[int],
    after: int,
    upto: int,
    limit: int,
    part: Part = WHOLE,
) -> list[Key]:
    """Returns the first keys after ``after`` and up to ``upto``, in the order of versions. ``conversations`` are those
    of the user and of this part that changed after ``after``.
    """
    values = {"user_id": user_id, "conversations": int_array(conversations), "after": after, "upto": upto}
    if is_distributed(conn):
        rows = _OF_CHANGED.rows(conn, **values, limit=limit) + _MEDIA_OF.rows(conn, **values, limit=limit)
        rows += _PRIVATE.rows(conn, [user_id], part, **values, limit=limit)
        return sorted(Key(*row) for row in rows)[:limit]
    return [Key(*row) for row in _KEYS.rows(conn, part, **values, limit=limit)]
