"""The messages that name a medium. When the last of them is deleted, the medium is removed.

Every change of a medium's uses locks its row. Otherwise, of two deletions at once, each would see the other's use and
keep the medium.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.layout import is_distributed, routed
from app.store.media_rows import StoredMedia, begin_deletion, columns
from app.store.messages import not_hidden
from app.store.noted_changes import EVERYTHING, among
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, OneForm, first, structs

SETTLED = ("ready", "failed")


class Use(NamedTuple):
    conversation_id: int
    seq: int


_LOCK = HotStatement("SELECT 1 FROM media WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")
_ADD = OneForm("""
    INSERT INTO media_uses (media_id, conversation_id, seq, told)
    SELECT DISTINCT i, CAST(:conversation_id AS bigint), CAST(:seq AS bigint), t
    FROM unnest(CAST(:ids AS uuid[]), CAST(:announced AS boolean[])) AS named (i, t)
    WHERE EXISTS (SELECT FROM messages WHERE conversation_id = :conversation_id AND seq = :seq AND deleted_at IS NULL)
    ON CONFLICT DO NOTHING
""")
_MARK_UNANNOUNCED = HotStatement("""
    UPDATE media_uses SET told = false
    WHERE conversation_id = :conversation_id AND seq = :seq AND media_id = ANY(CAST(:ids AS uuid[]))
""")
_MARK_ANNOUNCED = HotStatement("""
    UPDATE media_uses SET told = true
    WHERE conversation_id = :conversation_id AND seq = :seq AND media_id = ANY(CAST(:ids AS uuid[]))
""")
_SETTLED = HotStatement("""
    SELECT CAST(m.id AS text) FROM media AS m
    WHERE m.id = ANY(CAST(:ids AS uuid[])) AND m.state IN ('ready', 'failed')
""")
_OF_MESSAGES = HotStatement("""
    SELECT DISTINCT CAST(media_id AS text) FROM media_uses
    WHERE conversation_id = :conversation_id AND seq = ANY(CAST(:seqs AS bigint[]))
""")
_REMOVE = HotStatement("""
    DELETE FROM media_uses WHERE conversation_id = :conversation_id AND seq = ANY(CAST(:seqs AS bigint[]))
""")
_UNUSED = HotStatement("""
    SELECT CAST(i AS text) FROM unnest(CAST(:ids AS uuid[])) AS wanted (i)
    WHERE NOT EXISTS (SELECT FROM media_uses WHERE media_id = i)
""")
_LAST_USE = OneForm("""
    SELECT max(x.seq) FROM media_uses AS x
    JOIN messages AS y ON y.conversation_id = x.conversation_id AND y.seq = x.seq AND NOT y.shadow
    WHERE x.media_id = CAST(:id AS uuid) AND x.conversation_id = :conversation_id
""")
_UNANNOUNCED = HotStatement("""
    SELECT conversation_id, seq FROM media_uses WHERE media_id = CAST(:id AS uuid) AND NOT told
    ORDER BY conversation_id, seq LIMIT :limit
""")
_OF_THESE = "AND v.conversation_id = ANY(CAST(:conversations AS bigint[]))"


def _visible(which: str = "") -> str:
    """A member sees a medium if they see a message that names it. Before any message of its conversation names it, only
    its uploader sees it.
    """
    return f"""(
    EXISTS (
        SELECT FROM media_uses AS x
        JOIN members AS v ON v.conversation_id = x.conversation_id AND v.user_id = :user_id AND v.left_seq IS NULL
            AND v.visible_from < x.seq {which}
        JOIN messages AS y ON y.conversation_id = x.conversation_id AND y.seq = x.seq
        WHERE x.media_id = m.id AND {not_hidden("y", ":user_id")}
    ) OR (
        m.user_id = :user_id
        AND NOT EXISTS (SELECT FROM media_uses AS x WHERE x.media_id = m.id AND x.conversation_id = m.conversation_id)
        AND EXISTS (SELECT FROM members AS v WHERE v.conversation_id = m.conversation_id AND v.user_id = :user_id
                    AND v.left_seq IS NULL {which})
    )
)"""


_VISIBLE_TO = OneForm(f"""
    SELECT {columns("m")} FROM media AS m
    WHERE m.id = ANY(CAST(:ids AS uuid[])) AND m.state NOT IN ('receiving', 'awaiting', 'deleting') AND {_visible()}
""")
_VISIBLE_IN = OneForm(f"""
    SELECT {columns("m")} FROM media AS m
    WHERE m.id = CAST(:id AS uuid) AND m.state NOT IN ('receiving', 'awaiting', 'deleting') AND {_visible(_OF_THESE)}
""")
_SETTLED_SINCE = OneForm(f"""
    SELECT {columns("m")} FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members AS mine ON mine.conversation_id = wanted.id AND mine.user_id = :user_id AND mine.left_seq IS NULL
    JOIN media AS m ON m.conversation_id = wanted.id AND m.version > :version AND m.version <= :upto
        AND m.version >= mine.joined_version AND m.state IN ('ready', 'failed')
    WHERE {_visible()}
    ORDER BY m.version LIMIT :limit
""")
_SET_VERSION = HotStatement("""
    UPDATE media SET version = :version WHERE id = CAST(:id AS uuid) AND version < :version
""")


# In parts, for distributed conversations: media and their uses are not distributed.
_USES = HotStatement("""
    SELECT CAST(media_id AS text), conversation_id, seq FROM media_uses WHERE media_id = ANY(CAST(:ids AS uuid[]))
""")
_SEEN = HotStatement(
    routed(
        f"""
    SELECT c, s FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS place (c, s)
    JOIN members AS v ON v.conversation_id = c AND v.user_id = :user_id AND v.left_seq IS NULL AND v.visible_from < s
    JOIN messages AS y ON y.conversation_id = c AND y.seq = s
    WHERE {not_hidden("y", ":user_id")}
    """,
        "conversations",
    )
)
_JOINED = HotStatement("""
    SELECT conversation_id, joined_version FROM members
    WHERE conversation_id = ANY(CAST(:conversations AS bigint[])) AND user_id = :user_id AND left_seq IS NULL
""")
_READABLE = HotStatement(f"""
    SELECT {columns("m")} FROM media AS m
    WHERE m.id = ANY(CAST(:ids AS uuid[])) AND m.state NOT IN ('receiving', 'awaiting', 'deleting')
""")
_SETTLED_IN = HotStatement(f"""
    SELECT {columns("m")} FROM media AS m
    WHERE m.conversation_id = ANY(CAST(:conversations AS bigint[])) AND m.version > :version AND m.version <= :upto
      AND m.state IN ('ready', 'failed')
    ORDER BY m.version
""")
_EXISTS = HotStatement("""
    SELECT 1 FROM messages WHERE conversation_id = :conversation_id AND seq = :seq AND deleted_at IS NULL
""")
_ADD_TO_MESSAGE = HotStatement("""
    INSERT INTO media_uses (media_id, conversation_id, seq, told)
    SELECT DISTINCT i, CAST(:conversation_id AS bigint), CAST(:seq AS bigint), t
    FROM unnest(CAST(:ids AS uuid[]), CAST(:announced AS boolean[])) AS named (i, t)
    ON CONFLICT DO NOTHING
""")
_SEQS_OF = HotStatement("""
    SELECT seq FROM media_uses WHERE media_id = CAST(:id AS uuid) AND conversation_id = :conversation_id
""")
_LAST_OF = HotStatement("""
    SELECT max(seq) FROM messages
    WHERE conversation_id = :conversation_id AND seq = ANY(CAST(:seqs AS bigint[])) AND NOT shadow
""")


def _under_way(attachments: Sequence[dict[str, Any]]) -> set[str]:
    return {attachment["mediaId"] for attachment in attachments if attachment.get("status") not in SETTLED}


def add_uses(conn: Connection, conversation_id: int, seq: int, attachments: Sequence[dict[str, Any]]) -> list[str]:
    """Stores that the message names these media.

    Returns those that are settled although the message shows them as unfinished.
    """
    ids = sorted({attachment["mediaId"] for attachment in attachments})
    under_way = _under_way(attachments)
    _LOCK.send(conn, ids=text_array(ids))
    announced = text_array("f" if id_ in under_way else "t" for id_ in ids)
    place = {"conversation_id": conversation_id, "seq": seq}
    if not is_distributed(conn):
        _ADD.send(conn, **place, ids=text_array(ids), announced=announced)
    elif _EXISTS.row(conn, **place):
        _ADD_TO_MESSAGE.send(conn, **place, ids=text_array(ids), announced=announced)
    return _settled(conn, under_way)


def mark_unannounced(
    conn: Connection, conversation_id: int, seq: int, attachments: Sequence[dict[str, Any]]
) -> list[str]:
    """Notes that the message was shown again, perhaps with older states of media. Returns the same as ``add_uses``."""
    under_way = _under_way(attachments)
    if under_way:
        _MARK_UNANNOUNCED.send(conn, conversation_id=conversation_id, seq=seq, ids=text_array(sorted(under_way)))
    return _settled(conn, under_way)


def _settled(conn: Connection, under_way: set[str]) -> list[str]:
    return [id_ for (id_,) in _SETTLED.rows(conn, ids=text_array(sorted(under_way)))] if under_way else []


def mark_announced(conn: Connection, conversation_id: int, seq: int, attachments: Sequence[dict[str, Any]]) -> None:
    """Notes that members have received the message with these settled media."""
    ids = sorted({a["mediaId"] for a in attachments if a.get("status") in SETTLED})
    if ids:
        _MARK_ANNOUNCED.send(conn, conversation_id=conversation_id, seq=seq, ids=text_array(ids))


def release(conn: Connection, conversation_id: int, seqs: Sequence[int]) -> None:
    """Removes the uses by deleted messages, and marks media that no other message names for removal.

    Needs a transaction. Safe to repeat.
    """
    place = {"conversation_id": conversation_id, "seqs": int_array(seqs)}
    ids = [id_ for (id_,) in _OF_MESSAGES.rows(conn, **place)]
    if not ids:
        return
    _LOCK.send(conn, ids=text_array(ids))
    _REMOVE.send(conn, **place)
    begin_deletion(conn, unused(conn, ids))


def unused(conn: Connection, ids: Sequence[str]) -> list[str]:
    """Returns the media that no stored message names."""
    return [id_ for (id_,) in _UNUSED.rows(conn, ids=text_array(ids))] if ids else []


def last_use(conn: Connection, id_: str, conversation_id: int) -> int:
    """Returns the seq of the last stored message of the conversation that names the medium, or 0. Messages that only
    their senders see do not count.
    """
    if is_distributed(conn):
        seqs = int_array(seq for (seq,) in _SEQS_OF.rows(conn, id=id_, conversation_id=conversation_id))
        [(seq,)] = _LAST_OF.rows(conn, conversation_id=conversation_id, seqs=seqs)
    else:
        [(seq,)] = _LAST_USE.rows(conn, id=id_, conversation_id=conversation_id)
    return seq or 0


def unannounced_uses(conn: Connection, id_: str, limit: int) -> list[Use]:
    """Returns messages whose members have not received the medium's final state."""
    return [Use(*row) for row in _UNANNOUNCED.rows(conn, id=id_, limit=limit)]


def visible_to(conn: Connection, user_id: int, ids: Sequence[str]) -> dict[str, StoredMedia]:
    """Returns the media that the user may see, by id."""
    if is_distributed(conn):
        rows = _visible_among(conn, user_id, structs(StoredMedia, _READABLE.rows(conn, ids=text_array(ids))))
    else:
        rows = structs(StoredMedia, _VISIBLE_TO.rows(conn, user_id=user_id, ids=text_array(ids)))
    return {row.id: row for row in rows}


def _visible_among(
    conn: Connection, user_id: int, media: Sequence[StoredMedia], conversation_ids: Collection[int] | None = None
) -> list[StoredMedia]:
    """Does the same as ``_visible``, for distributed conversations. ``conversation_ids`` may limit them."""
    uses = _USES.rows(conn, ids=text_array(one.id for one in media))
    if conversation_ids is not None:
        uses = [use for use in uses if use[1] in conversation_ids]
    places = {use[1:] for use in uses}
    values = {"conversations": int_array(c for c, _ in places), "seqs": int_array(s for _, s in places)}
    seen = set(_SEEN.rows(conn, user_id=user_id, **values)) if places else set()
    shown = {id_ for id_, *place in uses if tuple(place) in seen}
    named = {(id_, conversation) for id_, conversation, _ in _USES.rows(conn, ids=text_array(one.id for one in media))}
    unsent = [one for one in media if one.user_id == user_id and (one.id, one.conversation_id) not in named]
    own = {one.conversation_id for one in unsent if one.conversation_id is not None}
    if conversation_ids is not None:
        own &= set(conversation_ids)
    mine = dict(_JOINED.rows(conn, conversations=int_array(own), user_id=user_id)) if own else {}
    shown |= {one.id for one in unsent if one.conversation_id in mine}
    return [one for one in media if one.id in shown]


def visible_in(conn: Connection, user_id: int, id_: str, conversation_ids: Iterable[int]) -> StoredMedia | None:
    """Returns the medium if the user may see it in one of these conversations."""
    if is_distributed(conn):
        readable = structs(StoredMedia, _READABLE.rows(conn, ids=text_array([id_])))
        return next(iter(_visible_among(conn, user_id, readable, set(conversation_ids))), None)
    row = _VISIBLE_IN.row(conn, user_id=user_id, id=id_, conversations=int_array(conversation_ids))
    return first(StoredMedia, row)


def settled_since(
    conn: Connection,
    user_id: int,
    version: int,
    limit: int,
    conversations: Sequence[int] | None = None,
    upto: int = EVERYTHING,
) -> list[StoredMedia]:
    """Returns media that the user may see and that were announced after ``version`` and up to ``upto``, in the order of
    versions. ``conversations`` are those that changed after ``version``, if the caller has them.
    """
    values = {"conversations": among(conn, user_id, version, conversations), "version": version, "upto": upto}
    if not is_distributed(conn):
        return structs(StoredMedia, _SETTLED_SINCE.rows(conn, user_id=user_id, **values, limit=limit))
    settled = structs(StoredMedia, _SETTLED_IN.rows(conn, **values))
    if not settled:
        return []
    joined = dict(_JOINED.rows(conn, conversations=values["conversations"], user_id=user_id))
    recent = [one for one in settled if one.version >= joined.get(one.conversation_id, one.version + 1)]
    return _visible_among(conn, user_id, recent)[:limit]


def set_version(conn: Connection, id_: str, version: int) -> None:
    """Stores the version of the event that announced the medium's final state."""
    _SET_VERSION.send(conn, id=id_, version=version)
