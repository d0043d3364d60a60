"""For users of many conversations: the conversations in which something was unread at some version of a shard. The
other conversations are counted again only if they changed after that version. So the cost of a join depends on what has
changed since then, not on the number of conversations. A count can grow only with a change of the conversation or of
the membership, and both are noted (noted_changes.py). Counts of an earlier epoch are not used: its last versions may be
assigned again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, delete

from app.core.part import WHOLE, Part
from app.store.layout import is_distributed
from app.store.models import ReadConversations
from app.store.noted_changes import perhaps_changed, perhaps_changed_of
from app.store.part_statement import PartStatement
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm
from app.store.unread import IS_MEMBER, unread_count, unread_counts

# The state is kept for users with at least this many conversations. It is written again after an hour.
MANY = 200
KEPT_US = 3_600_000_000


class ReadState(NamedTuple):
    """At ``version`` of the shard, everything that it has outside the conversations ``unread`` was read."""

    user_id: int
    version: int
    unread: list[int]
    shard: int = 0


_STATES = HotStatement("""
    SELECT r.user_id, r.version, r.unread, r.shard FROM read_conversations AS r
    JOIN log_state AS l ON l.id = r.shard + 1 AND l.epoch = r.epoch
    WHERE r.user_id = ANY(CAST(:users AS bigint[]))
""")
_COUNTS = PartStatement(
    f"""
    SELECT user_id, conversation_id, n FROM (
        SELECT m.user_id, m.conversation_id, {unread_count("m")} AS n
        FROM (SELECT conversation_id FROM {perhaps_changed(":user_id", ":version")} AS noted
              UNION SELECT unnest(CAST(:unread AS bigint[]))) AS perhaps
        JOIN members AS m ON m.conversation_id = perhaps.conversation_id AND m.user_id = :user_id AND {IS_MEMBER}
            AND of_part(m.conversation_id)
        OFFSET 0  -- without it, Postgres counts once for the condition and once for the result
    ) AS counted WHERE n > 0
""",
    OneForm,
)
_KEEP = HotStatement("""
    INSERT INTO read_conversations AS r (user_id, shard, epoch, version, unread)
    VALUES (:user_id, :shard, :epoch, :version, CAST(:unread AS bigint[]))
    ON CONFLICT (user_id, shard) DO UPDATE
    SET epoch = excluded.epoch, version = excluded.version, unread = excluded.unread
    WHERE (r.epoch, r.version) < (excluded.epoch, excluded.version)
""")


def read_states(conn: Connection, user_ids: Collection[int]) -> dict[tuple[int, int], ReadState]:
    """Returns (user, shard) -> state, for the present epochs of the shards."""
    return {(row[0], row[3]): ReadState(*row) for row in _STATES.rows(conn, users=int_array(user_ids))}


def unread_counts_since(conn: Connection, state: ReadState, part: Part = WHOLE) -> list[tuple[int, int, int]]:
    """Returns the same as ``unread.unread_counts`` of this user and part. ``state`` belongs to the part's shard."""
    if is_distributed(conn):
        changed = perhaps_changed_of(conn, state.user_id, state.version)
        return unread_counts(conn, [state.user_id], part, among=[*changed, *state.unread])
    unread = int_array(state.unread)
    rows = _COUNTS.rows(conn, part, user_id=state.user_id, version=state.version, unread=unread)
    return [(user, conversation, count) for user, conversation, count in rows]


def keep_read_state(conn: Connection, epoch: int, state: ReadState) -> None:
    """Stores the state unless a later one is stored. All changes up to the state's version must have been in Postgres
    when the messages were counted.
    """
    values = {"user_id": state.user_id, "shard": state.shard, "version": state.version}
    _KEEP.run(conn, **values, epoch=epoch, unread=int_array(state.unread))


def forget_read_state(conn: Connection, user_id: int) -> None:
    conn.execute(delete(ReadConversations).where(ReadConversations.user_id == user_id))


def is_due(state: ReadState | None, version: int) -> bool:
    """Returns whether a state at ``version`` should be stored over this one."""
    return state is None or version - state.version > KEPT_US
