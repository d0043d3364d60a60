"""The keys that make a conversation unique besides its id: its two users, or the id of the host.

With one Postgres, unique indexes of ``conversations`` enforce them. If the conversations are distributed, no index
covers all of them, and two small tables have the keys (distribute_conversations.py). They are written before the
conversation, in its transaction. So if two callers create the same conversation, the second one waits here for the
first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement

_NEXT_ID = HotStatement("SELECT nextval(pg_get_serial_sequence('conversations', 'id'))")
_OF_PAIRS = HotStatement("""
    SELECT d.low, d.high, d.conversation_id
    FROM unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) AS pair (low, high)
    JOIN direct_conversations AS d ON d.low = pair.low AND d.high = pair.high
""")
_TAKE_PAIRS = HotStatement("""
    INSERT INTO direct_conversations (low, high, conversation_id)
    SELECT * FROM unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[]), CAST(:ids AS bigint[]))
    ON CONFLICT DO NOTHING RETURNING conversation_id
""")
_OF_EXTERNAL = HotStatement("""
    SELECT external_id, conversation_id FROM external_conversations WHERE external_id = ANY(CAST(:names AS text[]))
""")
_TAKE_EXTERNAL = HotStatement("""
    INSERT INTO external_conversations (external_id, conversation_id)
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:ids AS bigint[]))
    ON CONFLICT (external_id) DO UPDATE SET conversation_id = excluded.conversation_id
    WHERE external_conversations.conversation_id = excluded.conversation_id
    RETURNING conversation_id
""")
_GIVE_UP_EXTERNAL = HotStatement("DELETE FROM external_conversations WHERE conversation_id = :conversation_id")


def next_id(conn: Connection) -> int:
    """Returns the id of a conversation that is about to be made."""
    [(id_,)] = _NEXT_ID.rows(conn)
    return int(id_)


def of_pairs(conn: Connection, pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Returns (low, high) -> id of the direct conversation, for pairs of users who have one."""
    lows, highs = int_array(low for low, _ in pairs), int_array(high for _, high in pairs)
    return {(low, high): id_ for low, high, id_ in _OF_PAIRS.rows(conn, lows=lows, highs=highs)}


def take_pairs(conn: Connection, new: Mapping[tuple[int, int], int]) -> set[int]:
    """Makes these the direct conversations of their pairs. Returns the ones whose pair was free."""
    lows, highs = int_array(low for low, _ in new), int_array(high for _, high in new)
    return {id_ for (id_,) in _TAKE_PAIRS.rows(conn, lows=lows, highs=highs, ids=int_array(new.values()))}


def of_external(conn: Connection, external_ids: Collection[str]) -> dict[str, int]:
    """Returns external id -> id of the conversations that have these."""
    return dict(_OF_EXTERNAL.rows(conn, names=text_array(external_ids)))


def take_external(conn: Connection, new: Mapping[str, int]) -> set[int]:
    """Gives the external ids to conversations. Returns the conversations that have theirs now."""
    rows = _TAKE_EXTERNAL.rows(conn, names=text_array(new), ids=int_array(new.values()))
    return {id_ for (id_,) in rows}


def give_up_external(conn: Connection, conversation_id: int) -> None:
    _GIVE_UP_EXTERNAL.run(conn, conversation_id=conversation_id)
