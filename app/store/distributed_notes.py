"""Notes of changes (noted_changes.py) for distributed conversations, for which triggers cannot write them. All code
that writes a conversation or its members calls this afterwards, in the same transaction. The values are the same as
those of the triggers of the migration 20261129_1600. With one Postgres, these functions do nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.layout import is_distributed
from app.store.noted_changes import OF_GROUPS
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement

# A conversation that changes again and again is noted with a time this far ahead.
AHEAD = timedelta(minutes=5)
AHEAD_US = AHEAD // timedelta(microseconds=1)

# Read first and then updated, because Citus refuses to add an interval to a column in an update. For nearly all
# messages there is nothing to note.
_DUE = HotStatement("""
    SELECT id, version, noted, last_activity_at, nullif(noted_active, '-infinity'), member_count > 100
    FROM conversations
    WHERE id = ANY(CAST(:ids AS bigint[])) AND (version > noted OR last_activity_at > noted_active)
""")
_NOTE = HotStatement("""
    UPDATE conversations SET noted = n, noted_active = a
    FROM unnest(CAST(:ids AS bigint[]), CAST(:noted AS bigint[]), CAST(:active AS timestamptz[])) AS new (c, n, a)
    WHERE id = c AND id = ANY(CAST(:ids AS bigint[]))
""")
_MEMBERS = HotStatement("""
    SELECT user_id, conversation_id FROM members
    WHERE conversation_id = ANY(CAST(:ids AS bigint[])) AND left_seq IS NULL
""")
_NEW_MEMBERS = HotStatement("""
    SELECT m.user_id, m.conversation_id, greatest(m.joined_version, c.noted, c.version),
           greatest(c.noted_active, c.last_activity_at)
    FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
    WHERE m.conversation_id = ANY(CAST(:ids AS bigint[]))
      AND (CAST(:users AS bigint[]) IS NULL OR m.user_id = ANY(CAST(:users AS bigint[])))
""")
_WRITE = HotStatement("""
    INSERT INTO noted_changes (user_id, conversation_id, noted, active)
    SELECT * FROM unnest(
        CAST(:users AS bigint[]), CAST(:ids AS bigint[]), CAST(:noted AS bigint[]), CAST(:active AS timestamptz[]))
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET noted = greatest(noted_changes.noted, excluded.noted), active = excluded.active
""")


class _Due(NamedTuple):
    id: int
    version: int
    noted: int
    last_activity: datetime
    active: datetime | None
    is_large: bool

    def note(self) -> tuple[int, int, datetime]:
        """Returns the id, and the version and the time of the last activity to note."""
        return self.id, self._version(), self._active()

    def _version(self) -> int:
        if self.version <= self.noted:
            return self.noted
        return self.version + AHEAD_US * (self.noted > 0 and self.version <= self.noted + AHEAD_US)

    def _active(self) -> datetime:
        if self.active is None or self.last_activity > self.active + AHEAD:
            return self.last_activity
        return self.active if self.last_activity <= self.active else self.last_activity + AHEAD


def note_changes(conn: Connection, conversation_ids: Collection[int]) -> None:
    """Notes for the members that these conversations changed."""
    if not conversation_ids or not is_distributed(conn):
        return
    due = [_Due(*row) for row in _DUE.rows(conn, ids=int_array(sorted(conversation_ids)))]
    if not due:
        return
    notes = [one.note() for one in due]
    _NOTE.send(conn, **_columns(("ids", "noted", "active"), notes))
    small = int_array(one.id for one in due if not one.is_large)
    members = [(OF_GROUPS, one.id) for one in due if one.is_large] + _MEMBERS.rows(conn, ids=small)
    found = {id_: note for id_, *note in notes}
    _write(conn, [(user, id_, *found[id_]) for user, id_ in members])


def note_members(conn: Connection, conversation_ids: Collection[int], users: Collection[int] | None = None) -> None:
    """Notes the conversations for ``users``, who have become members, or for all of their members."""
    if conversation_ids and is_distributed(conn):
        some = None if users is None else int_array(users)
        _write(conn, _NEW_MEMBERS.rows(conn, ids=int_array(conversation_ids), users=some))


def _write(conn: Connection, notes: Collection[tuple[Any, ...]]) -> None:
    if notes:
        _WRITE.send(conn, **_columns(("users", "ids", "noted", "active"), sorted(notes)))


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    columns = [
        text_array(map(str, column)) if isinstance(column[0], datetime) else int_array(column)
        for column in zip(*rows, strict=True)
    ]
    return dict(zip(names, columns, strict=True))
