"""Members' marks: the seq up to which messages were delivered to them and read by them, one row per member."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from sqlalchemy import Connection

from app.core.part import WHOLE, Part
from app.store.distribution import ListStatement, UserStatement
from app.store.noted_changes import among
from app.store.pg_arrays import int_array
from app.store.sql import structs


class StoredReceipt(Struct, frozen=True):
    conversation_id: int
    user_id: int
    delivered_seq: int
    read_seq: int
    version: int


# In larger conversations, a member receives only their own marks and the mark of another member that moved last.
MAX_RECEIPT_MEMBERS = 100
_CHANGED = ListStatement(
    f"""
    SELECT marks.conversation_id, marks.user_id, marks.last_delivered_seq, marks.last_read_seq, marks.version
    FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members AS m ON m.conversation_id = wanted.id AND m.user_id = :user_id AND m.left_seq IS NULL
    JOIN conversations AS c ON c.id = wanted.id
    CROSS JOIN LATERAL (
        SELECT x.* FROM members AS x
        WHERE c.member_count <= {MAX_RECEIPT_MEMBERS} AND x.conversation_id = c.id
          AND x.version > greatest(:version, m.joined_version) AND x.left_seq IS NULL
        UNION ALL
        (SELECT x.* FROM members AS x
         WHERE c.member_count > {MAX_RECEIPT_MEMBERS} AND x.conversation_id = c.id
           AND x.version > greatest(:version, m.joined_version) AND x.left_seq IS NULL AND x.user_id <> :user_id
         ORDER BY x.version DESC LIMIT 1)
        UNION ALL
        SELECT x.* FROM members AS x
        WHERE c.member_count > {MAX_RECEIPT_MEMBERS} AND x.conversation_id = c.id AND x.user_id = :user_id
          AND x.version > greatest(:version, x.joined_version)
    ) AS marks
    ORDER BY marks.version
""",
    "conversations",
)
_AT_VERSIONS = ListStatement(
    """
    SELECT x.conversation_id, x.user_id, x.last_delivered_seq, x.last_read_seq, x.version
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:users AS bigint[]), CAST(:versions AS bigint[]))
        AS wanted (c, u, v)
    JOIN members AS x ON x.conversation_id = c AND x.user_id = u AND x.version = v AND x.left_seq IS NULL
    ORDER BY x.version
""",
    "conversations",
)
# Three, because one of them may be the sender of the message and another one the user who reads this.
_FURTHEST_BEHIND = ListStatement(
    f"""
    SELECT c.id, m.user_id, m.last_delivered_seq
    FROM unnest(CAST(:ids AS bigint[])) AS wanted (id)
    JOIN conversations AS c ON c.id = wanted.id AND c.member_count <= {MAX_RECEIPT_MEMBERS}
    CROSS JOIN LATERAL (
        SELECT x.user_id, x.last_delivered_seq FROM members AS x
        WHERE x.conversation_id = c.id AND x.left_seq IS NULL ORDER BY x.last_delivered_seq LIMIT 3
    ) AS m
""",
    "ids",
)
# The greatest seq among the last 20 messages that changed up to ``version``. Messages that changed after it are not
# counted, and neither are messages behind 20 later changes. The mark then moves with a later version, but never too
# far.
_DELIVERED_UP_TO = UserStatement("""
    SELECT m.conversation_id, newest.seq
    FROM members AS m
    JOIN conversations AS c ON c.id = m.conversation_id AND c.last_seq > m.last_delivered_seq
    CROSS JOIN LATERAL (
        SELECT max(seq) AS seq FROM (
            SELECT x.seq FROM messages AS x
            WHERE x.conversation_id = c.id AND x.version <= :version ORDER BY x.version DESC LIMIT 20
        ) AS last
    ) AS newest
    WHERE m.user_id = :user_id AND m.left_seq IS NULL AND of_part(m.conversation_id)
      AND newest.seq > greatest(m.last_delivered_seq, m.visible_from)
""")


def receipts_changed_since(
    conn: Connection, user_id: int, version: int, conversations: Sequence[int] | None = None
) -> list[StoredReceipt]:
    """Returns the current marks in the user's conversations that moved after ``version``, in the order of versions.
    ``conversations`` are those that changed after ``version``, if the caller has them.

    In a conversation of more than ``MAX_RECEIPT_MEMBERS`` members: only the user's own marks, and the latest mark of
    another member.
    """
    values = {"conversations": among(conn, user_id, version, conversations), "version": version}
    return structs(StoredReceipt, _CHANGED.rows(conn, user_id=user_id, **values))


def marks_at_versions(conn: Connection, keys: Sequence[tuple[int, int, int]]) -> list[StoredReceipt]:
    """Returns the marks whose present (conversation, user, version) is among the keys, in the order of versions.
    Does not check the reader's membership.
    """
    conversations, users, versions = (int_array(column) for column in zip(*keys, strict=True))
    return structs(StoredReceipt, _AT_VERSIONS.rows(conn, conversations=conversations, users=users, versions=versions))


def delivered_up_to(conn: Connection, user_id: int, version: int, part: Part = WHOLE) -> list[tuple[int, int]]:
    """Returns ``(conversation_id, seq)``: the delivered marks of a user who has received everything of this part up to
    ``version``.

    Contains only conversations whose stored mark is behind that seq.
    """
    rows = _DELIVERED_UP_TO.rows(conn, [user_id], part, user_id=user_id, version=version)
    return [(conversation, seq) for conversation, seq in rows]


def furthest_behind(conn: Connection, conversation_ids: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
    """Returns conversation -> the three members with the lowest delivered marks, as ``(user_id, delivered_seq)``.

    Conversations of more than ``MAX_RECEIPT_MEMBERS`` members are missing.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    for conversation, user, seq in _FURTHEST_BEHIND.rows(conn, ids=int_array(conversation_ids)):
        found.setdefault(conversation, []).append((user, seq))
    return found
