"""Users of many conversations: in which of them there was something unread at some version.

The others are counted again only if they changed after that version. So a join of such a user costs what happened since
then, not what exists. A count can grow only with a change of the conversation or of the membership, and both are noted
(noted_changes.py). Counts of an earlier epoch are not used: its last versions may be assigned again. The epoch here
is the sum of all shards' epochs: they only grow, so the sum is the same only if each of them is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, delete

from app.store.models import ReadConversations
from app.store.noted_changes import perhaps_changed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement
from app.store.unread import IS_MEMBER, unread_count

# From so many conversations on, a user's state is kept. It is written again after an hour.
MANY = 200
KEPT_US = 3_600_000_000


class ReadState(NamedTuple):
    """At ``version``, everything outside the conversations ``unread`` was read."""

    user_id: int
    version: int
    unread: list[int]


_STATES = HotStatement("""
    SELECT user_id, version, unread FROM read_conversations
    WHERE user_id = ANY(CAST(:users AS bigint[]))
        AND epoch = (SELECT CAST(sum(epoch) AS bigint) FROM log_state WHERE id <= :shards)
""")
_COUNTS = HotStatement(f"""
    SELECT user_id, conversation_id, n FROM (
        SELECT m.user_id, m.conversation_id, {unread_count("m")} AS n
        FROM (SELECT conversation_id FROM {perhaps_changed(":user_id", ":version")} AS noted
              UNION SELECT unnest(CAST(:unread AS bigint[]))) AS perhaps
        JOIN members AS m ON m.conversation_id = perhaps.conversation_id AND m.user_id = :user_id AND {IS_MEMBER}
        OFFSET 0  -- without it, Postgres counts once for the condition and once for the result
    ) AS counted WHERE n > 0
""")
_KEEP = HotStatement("""
    INSERT INTO read_conversations AS r (user_id, epoch, version, unread)
    VALUES (:user_id, :epoch, :version, CAST(:unread AS bigint[]))
    ON CONFLICT (user_id) DO UPDATE
    SET epoch = excluded.epoch, version = excluded.version, unread = excluded.unread
    WHERE (r.epoch, r.version) < (excluded.epoch, excluded.version)
""")


def read_states(conn: Connection, user_ids: Collection[int], *, shards: int = 1) -> dict[int, ReadState]:
    """Returns the states of the present epoch. ``shards`` is the number of all shards."""
    return {row[0]: ReadState(*row) for row in _STATES.rows(conn, users=int_array(user_ids), shards=shards)}


def unread_counts_since(conn: Connection, state: ReadState) -> list[tuple[int, int, int]]:
    """Returns the same as ``unread.unread_counts`` of this user."""
    unread = int_array(state.unread)
    rows = _COUNTS.rows(conn, user_id=state.user_id, version=state.version, unread=unread)
    return [(user, conversation, count) for user, conversation, count in rows]


def keep_read_state(conn: Connection, epoch: int, state: ReadState) -> None:
    """Stores the state, unless a later one is stored. ``epoch`` is the sum of all shards' epochs. All changes up to its
    version must have been in Postgres when the messages were counted.
    """
    _KEEP.run(conn, user_id=state.user_id, epoch=epoch, version=state.version, unread=int_array(state.unread))


def forget_read_state(conn: Connection, user_id: int) -> None:
    conn.execute(delete(ReadConversations).where(ReadConversations.user_id == user_id))


def is_due(state: ReadState | None, version: int) -> bool:
    """Returns whether a state at ``version`` should be stored over this one."""
    return state is None or version - state.version > KEPT_US
