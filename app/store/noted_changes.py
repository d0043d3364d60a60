"""Finds the conversations of a user that changed since a version. The cost depends on the number of changes, not on the
number of conversations.

Triggers of the database (the migration 20261129_1600) note the version and the last activity of a conversation for its
members. Invariant: neither is greater than ``noted`` and ``active`` of the member's row, or in a group of over 100
members of the group's row. So the rows with a greater ``noted`` include all conversations that changed after a version;
the conversations themselves decide. While a conversation changes again and again, it is noted once in five minutes,
with a time five minutes ahead. Otherwise its notes are exact.

If conversations are distributed, distributed_notes.py does what the triggers do.

Every membership has a row. It stays when the user leaves, and the invariant holds for the part that the user saw.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.core.part import WHOLE, Part
from app.store.layout import is_distributed
from app.store.part_statement import PartStatement
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm

# The user whose rows are those of groups with many members.
OF_GROUPS = 0


def perhaps_changed(user: str, since: str) -> str:
    """Returns SQL for the ids of the conversations in which ``user`` is or was, and which may have changed after
    ``since``.
    """
    return f"""(
        SELECT n.conversation_id FROM noted_changes AS n
        WHERE n.user_id = {user} AND n.noted > {since}
        UNION
        SELECT g.conversation_id FROM noted_changes AS g
        WHERE g.user_id = {OF_GROUPS} AND g.noted > {since}
          AND g.conversation_id IN (SELECT conversation_id FROM members WHERE user_id = {user})
    )"""


EVERYTHING = 2**62
_AFTER = "to_timestamp(CAST(:after_us AS float8) / 1000000)"
# The conversations of :user_id by their rows: all that may have been active after :after_us, and the next :look of the
# others. ``seen`` is the place of the last one in the list; the user's remaining conversations come after it. ``seen``
# has no row if none remain.
_MEMBERSHIPS = "SELECT conversation_id FROM members WHERE user_id = :user_id AND left_seq IS NULL"
LATEST_OF_USER = f"""
    WITH next AS MATERIALIZED (
        SELECT conversation_id, active FROM noted_changes WHERE user_id = :user_id AND active <= {_AFTER}
        ORDER BY active DESC, conversation_id DESC LIMIT :look
    ), seen AS MATERIALIZED (
        SELECT active, CAST(date_part('epoch', active) * 1000000 AS bigint) AS us, conversation_id AS id
        FROM next WHERE (SELECT count(*) FROM next) = :look ORDER BY active, conversation_id LIMIT 1
    ), latest AS MATERIALIZED (
        SELECT conversation_id FROM next
        UNION SELECT conversation_id FROM noted_changes WHERE user_id = :user_id AND active > {_AFTER}
        UNION SELECT g.conversation_id FROM seen JOIN noted_changes AS g ON g.active >= seen.active
        WHERE g.user_id = {OF_GROUPS} AND g.conversation_id IN (
            {_MEMBERSHIPS})
    )
"""
SEEN = ", (SELECT us FROM seen), (SELECT id FROM seen)"
# The same without the members, who may be distributed: the conversations as an array, and their place.
LATEST_NOTED = HotStatement(
    LATEST_OF_USER.replace(_MEMBERSHIPS, "SELECT conversation_id FROM noted_changes WHERE user_id = :user_id")
    + f"SELECT ARRAY(SELECT conversation_id FROM latest){SEEN}"
)
_CHANGED = PartStatement(
    f"""
    SELECT c.id FROM {perhaps_changed(":user_id", ":version")} AS noted
    JOIN conversations AS c ON c.id = noted.conversation_id AND c.version > :version
    WHERE of_part(noted.conversation_id)
""",
    OneForm,
)


_PERHAPS = HotStatement(f"""
    SELECT n.conversation_id FROM noted_changes AS n WHERE n.user_id = :user_id AND n.noted > :version
    UNION
    SELECT g.conversation_id FROM noted_changes AS g
    WHERE g.user_id = {OF_GROUPS} AND g.noted > :version
      AND g.conversation_id IN (SELECT conversation_id FROM noted_changes WHERE user_id = :user_id)
""")
_OF_THESE = PartStatement("""
    SELECT id FROM conversations WHERE id = ANY(CAST(:ids AS bigint[])) AND version > :version AND of_part(id)
""")


def perhaps_changed_of(conn: Connection, user_id: int, version: int) -> list[int]:
    """Returns the same as ``perhaps_changed``, without reading the members, who may be distributed."""
    return [conversation for (conversation,) in _PERHAPS.rows(conn, user_id=user_id, version=version)]


def changed_conversations(conn: Connection, user_id: int, version: int, part: Part = WHOLE) -> list[int]:
    """Returns the conversations of this part in which the user is or was, and which changed after ``version``."""
    if is_distributed(conn):
        perhaps = int_array(perhaps_changed_of(conn, user_id, version))
        rows = _OF_THESE.rows(conn, part, ids=perhaps, version=version)
    else:
        rows = _CHANGED.rows(conn, part, user_id=user_id, version=version)
    return [conversation for (conversation,) in rows]


def among(conn: Connection, user_id: int, version: int, conversations: Sequence[int] | None) -> str:
    """Returns the conversations as a parameter. If they are not given, those that changed after ``version``."""
    return int_array(changed_conversations(conn, user_id, version) if conversations is None else conversations)
