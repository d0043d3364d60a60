"""Changed groups, memberships and settings, and single messages, for sessions that resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.distribution import ListStatement
from app.store.messages import StoredMessage, columns, not_hidden
from app.store.noted_changes import among
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, first, ms_of, structs
from app.store.unread import IS_MARKED_UNREAD


class StoredSettings(NamedTuple):
    """A member's own settings of a conversation. ``muted_until_ms`` is None if it is not muted."""

    conversation_id: int
    version: int
    muted_until_ms: int | None
    archived: bool
    pinned: bool
    except_mentions: bool
    marked_unread: bool


_AT = ListStatement(
    f"""
    SELECT {columns("x")}
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS wanted (c, s)
    JOIN members AS m ON m.user_id = :user_id AND m.conversation_id = c AND m.left_seq IS NULL AND m.visible_from < s
    JOIN messages AS x ON x.conversation_id = c AND x.seq = s
    WHERE {not_hidden("x", ":user_id")}
""",
    "conversations",
)
_ONE = HotStatement(f"SELECT {columns('x')} FROM messages AS x WHERE conversation_id = :conversation_id AND seq = :seq")
_GROUPS = ListStatement(
    """
    SELECT c.id, c.info_version FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN conversations AS c ON c.id = wanted.id AND c.info_version > :version
    JOIN members AS m ON m.conversation_id = c.id AND m.user_id = :user_id AND m.left_seq IS NULL
""",
    "conversations",
)
_LEFT = ListStatement(
    """
    SELECT conversation_id, left_version FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members ON conversation_id = wanted.id AND user_id = :user_id AND left_version > :version
""",
    "conversations",
)
_SETTINGS = ListStatement(
    f"""
    SELECT conversation_id, settings_version, {ms_of("muted_until")}, archived, pinned_at IS NOT NULL,
           mute_except_mentions, {IS_MARKED_UNREAD}
    FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members ON conversation_id = wanted.id AND user_id = :user_id AND settings_version > :version
        AND left_seq IS NULL
""",
    "conversations",
)


def messages_at(conn: Connection, user_id: int, places: Sequence[tuple[int, int]]) -> list[StoredMessage]:
    """Returns the messages at these (conversation, seq) that the user, as a member, may see."""
    if not places:
        return []
    rows = _AT.rows(
        conn, user_id=user_id, conversations=int_array(c for c, _ in places), seqs=int_array(s for _, s in places)
    )
    return structs(StoredMessage, rows)


def message_at(conn: Connection, conversation_id: int, seq: int) -> StoredMessage | None:
    """Returns the message without checking membership, for events that the server itself sends to all members."""
    return first(StoredMessage, _ONE.row(conn, conversation_id=conversation_id, seq=seq))


# ``conversations`` are the user's conversations that changed after ``version``, if the caller has them.


def groups_changed_since(
    conn: Connection, user_id: int, version: int, conversations: Sequence[int] | None = None
) -> dict[int, int]:
    """Returns conversation -> version of the last change to its members or name, if that is after ``version``."""
    return dict(_since(_GROUPS, conn, user_id, version, conversations))


def left_since(
    conn: Connection, user_id: int, version: int, conversations: Sequence[int] | None = None
) -> dict[int, int]:
    """Returns conversation -> version with which the user's membership ended, if that is after ``version``."""
    return dict(_since(_LEFT, conn, user_id, version, conversations))


def settings_since(
    conn: Connection, user_id: int, version: int, conversations: Sequence[int] | None = None
) -> list[StoredSettings]:
    """Returns the user's own settings that changed after ``version``."""
    return [StoredSettings(*row) for row in _since(_SETTINGS, conn, user_id, version, conversations)]


def _since(
    statement: ListStatement, conn: Connection, user_id: int, version: int, conversations: Sequence[int] | None
) -> list[tuple[Any, ...]]:
    wanted = among(conn, user_id, version, conversations)
    return statement.rows(conn, user_id=user_id, version=version, conversations=wanted)
