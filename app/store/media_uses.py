"""Which messages name a medium. The last of them that goes takes the medium along.

Who changes the uses of a medium holds its row: so two deletions at once do not each see the other's use and leave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.media import StoredMedia, begin_deletion, columns
from app.store.messages import not_hidden
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, first, structs

SETTLED = ("ready", "failed")


class Use(NamedTuple):
    conversation_id: int
    seq: int


_LOCK = HotStatement("SELECT 1 FROM media WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")
_ADD = HotStatement("""
    INSERT INTO media_uses (media_id, conversation_id, seq, told)
    SELECT DISTINCT i, CAST(:conversation_id AS bigint), CAST(:seq AS bigint), t
    FROM unnest(CAST(:ids AS uuid[]), CAST(:told AS boolean[])) AS named (i, t)
    WHERE EXISTS (SELECT FROM messages WHERE conversation_id = :conversation_id AND seq = :seq AND deleted_at IS NULL)
    ON CONFLICT DO NOTHING RETURNING 1
""")
_UNTELL = HotStatement("""
    UPDATE media_uses SET told = false
    WHERE conversation_id = :conversation_id AND seq = :seq AND media_id = ANY(CAST(:ids AS uuid[])) RETURNING 1
""")
_TOLD = HotStatement("""
    UPDATE media_uses SET told = true
    WHERE conversation_id = :conversation_id AND seq = :seq AND media_id = ANY(CAST(:ids AS uuid[])) RETURNING 1
""")
_LATE = HotStatement("""
    SELECT CAST(m.id AS text) FROM media AS m
    WHERE m.id = ANY(CAST(:ids AS uuid[])) AND m.state IN ('ready', 'failed')
""")
_OF_MESSAGES = HotStatement("""
    SELECT DISTINCT CAST(media_id AS text) FROM media_uses
    WHERE conversation_id = :conversation_id AND seq = ANY(CAST(:seqs AS bigint[]))
""")
_REMOVE = HotStatement("""
    DELETE FROM media_uses WHERE conversation_id = :conversation_id AND seq = ANY(CAST(:seqs AS bigint[])) RETURNING 1
""")
_UNUSED = HotStatement("""
    SELECT CAST(i AS text) FROM unnest(CAST(:ids AS uuid[])) AS asked (i)
    WHERE NOT EXISTS (SELECT FROM media_uses WHERE media_id = i)
""")
_UNTOLD = HotStatement("""
    SELECT conversation_id, seq FROM media_uses WHERE media_id = CAST(:id AS uuid) AND NOT told
    ORDER BY conversation_id, seq LIMIT :limit
""")
# A member sees a medium by a message that they see; before any message names it, as a member of its conversation.
_OF_THESE = "AND v.conversation_id = ANY(CAST(:conversations AS bigint[]))"


def _visible(which: str = "") -> str:
    return f"""(
    EXISTS (
        SELECT FROM media_uses AS x
        JOIN members AS v ON v.conversation_id = x.conversation_id AND v.user_id = :user_id AND v.left_seq IS NULL
            AND v.visible_from < x.seq {which}
        WHERE x.media_id = m.id AND {not_hidden("x", ":user_id")}
    ) OR (
        NOT EXISTS (SELECT FROM media_uses AS x WHERE x.media_id = m.id AND x.conversation_id = m.conversation_id)
        AND EXISTS (SELECT FROM members AS v WHERE v.conversation_id = m.conversation_id AND v.user_id = :user_id
                    AND v.left_seq IS NULL {which})
    )
)"""


_VISIBLE_TO = HotStatement(f"""
    SELECT {columns("m")} FROM media AS m
    WHERE m.id = ANY(CAST(:ids AS uuid[])) AND m.state NOT IN ('receiving', 'awaiting', 'deleting') AND {_visible()}
""")
_VISIBLE_IN = HotStatement(f"""
    SELECT {columns("m")} FROM media AS m
    WHERE m.id = CAST(:id AS uuid) AND m.state NOT IN ('receiving', 'awaiting', 'deleting') AND {_visible(_OF_THESE)}
""")
# Of the others' only what a message names that this member sees.
_SETTLED_SINCE = HotStatement(f"""
    SELECT {columns("m")} FROM members AS mine
    JOIN conversations AS c ON c.id = mine.conversation_id AND c.version > :version
    JOIN media AS m ON m.conversation_id = c.id AND m.version > :version AND m.version >= mine.joined_version
        AND m.state IN ('ready', 'failed')
    WHERE mine.user_id = :user_id AND mine.left_seq IS NULL AND {_visible()}
    ORDER BY m.version LIMIT :limit
""")
_SET_VERSION = HotStatement("""
    UPDATE media SET version = :version WHERE id = CAST(:id AS uuid) AND version < :version RETURNING 1
""")


def add_uses(conn: Connection, conversation_id: int, seq: int, attachments: Sequence[dict[str, Any]]) -> list[str]:
    """The message names these, as it shows them. Returns those that have ended since and show as under way."""
    ids = sorted({attachment["mediaId"] for attachment in attachments})
    under_way = {a["mediaId"] for a in attachments if a.get("status") not in SETTLED}
    _LOCK.rows(conn, ids=text_array(ids))
    told = text_array("f" if id_ in under_way else "t" for id_ in ids)
    _ADD.rows(conn, conversation_id=conversation_id, seq=seq, ids=text_array(ids), told=told)
    return _late(conn, under_way)


def untell(conn: Connection, conversation_id: int, seq: int, attachments: Sequence[dict[str, Any]]) -> list[str]:
    """The message was shown anew, perhaps with what was under way a moment before. Returns as ``add_uses``."""
    under_way = {a["mediaId"] for a in attachments if a.get("status") not in SETTLED}
    if under_way:
        _UNTELL.rows(conn, conversation_id=conversation_id, seq=seq, ids=text_array(sorted(under_way)))
    return _late(conn, under_way)


def _late(conn: Connection, under_way: set[str]) -> list[str]:
    return [id_ for (id_,) in _LATE.rows(conn, ids=text_array(sorted(under_way)))] if under_way else []


def note_told(conn: Connection, conversation_id: int, seq: int, attachments: Sequence[dict[str, Any]]) -> None:
    """The members were shown the message with these."""
    ids = sorted({a["mediaId"] for a in attachments if a.get("status") in SETTLED})
    if ids:
        _TOLD.rows(conn, conversation_id=conversation_id, seq=seq, ids=text_array(ids))


def release(conn: Connection, conversation_id: int, seqs: Sequence[int]) -> None:
    """These messages are no more; of what only they named the removal is owed. In a transaction. Safe to repeat."""
    place = {"conversation_id": conversation_id, "seqs": int_array(seqs)}
    ids = [id_ for (id_,) in _OF_MESSAGES.rows(conn, **place)]
    if not ids:
        return
    _LOCK.rows(conn, ids=text_array(ids))
    _REMOVE.rows(conn, **place)
    begin_deletion(conn, unused(conn, ids))


def unused(conn: Connection, ids: Sequence[str]) -> list[str]:
    """Those that no stored message names."""
    return [id_ for (id_,) in _UNUSED.rows(conn, ids=text_array(ids))] if ids else []


def untold_uses(conn: Connection, id_: str, limit: int) -> list[Use]:
    """Messages whose members do not know yet how it ended."""
    return [Use(*row) for row in _UNTOLD.rows(conn, id=id_, limit=limit)]


def visible_to(conn: Connection, user_id: int, ids: Sequence[str]) -> dict[str, StoredMedia]:
    """Those that the user may see, by id: by a stored message that names them, or as a member before there is one."""
    rows = structs(StoredMedia, _VISIBLE_TO.rows(conn, user_id=user_id, ids=text_array(ids)))
    return {row.id: row for row in rows}


def visible_in(conn: Connection, user_id: int, id_: str, conversation_ids: Iterable[int]) -> StoredMedia | None:
    """The same of one, where it is one of these conversations that shows it."""
    rows = _VISIBLE_IN.rows(conn, user_id=user_id, id=id_, conversations=int_array(conversation_ids))
    return first(StoredMedia, next(iter(rows), None))


def settled_since(conn: Connection, user_id: int, version: int, limit: int) -> list[StoredMedia]:
    """What ended in the user's conversations after ``version``, in the order of the versions."""
    return structs(StoredMedia, _SETTLED_SINCE.rows(conn, user_id=user_id, version=version, limit=limit))


def note_version(conn: Connection, id_: str, version: int) -> None:
    """The event that tells of its end is stored."""
    _SET_VERSION.rows(conn, id=id_, version=version)
