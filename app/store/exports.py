"""The file of somebody's own data: lines of JSON, kept in pieces so that neither its writer nor its reader holds more
than one.

Invariant: a piece ends with a whole line. So the last line that is there tells where a writer that was interrupted goes
on, and two writers at once write the same pieces: the second one finds its piece there and stops.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from sqlalchemy import Connection, Engine

from app.store.engine import reading
from app.store.messages import StoredMessage, columns
from app.store.sql import HotStatement, first, ms_of, structs
from app.store.users import USER_COLUMNS

MESSAGES_AT_ONCE = 200  # of 8,000 characters each: below 10 MB in memory


class StoredExport(Struct, frozen=True):
    id: str
    user_id: int
    state: str
    created_ms: int
    finished_ms: int | None
    expires_ms: int | None


class OwnData(Struct, frozen=True):
    """A user as they stand in their own export."""

    id: int
    username: str
    display_name: str
    avatar_url: str | None
    last_seen_ms: int | None
    last_seen_visible: str
    created_ms: int


class ExportedConversation(Struct, frozen=True):
    """``first_seq`` and ``last_seq`` are those of the messages that the user could ever see."""

    id: int
    kind: str
    name: str | None
    description: str | None
    role: str
    joined_ms: int
    first_seq: int
    last_seq: int
    is_member: bool
    archived: bool
    muted_until_ms: int | None
    other_id: int | None


_COLUMNS = f"CAST(id AS text), user_id, state, {ms_of('created_at')}, {ms_of('finished_at')}, {ms_of('expires_at')}"
# One at a time and user: who asks while one is in the making gets that one. An older file goes with the new one.
_LOCK = HotStatement("SELECT 1 FROM users WHERE id = :user_id AND deleted_at IS NULL FOR UPDATE")
_BEGIN = HotStatement(f"""
    WITH pending AS (
        SELECT {_COLUMNS} FROM exports WHERE user_id = :user_id AND state = 'pending' ORDER BY created_at DESC LIMIT 1
    ), made AS (
        INSERT INTO exports (id, user_id) SELECT gen_random_uuid(), :user_id
        WHERE NOT EXISTS (SELECT FROM pending) RETURNING {_COLUMNS}
    ), older AS (
        DELETE FROM exports WHERE user_id = :user_id AND state <> 'pending' AND EXISTS (SELECT FROM made)
    )
    SELECT * FROM pending UNION ALL SELECT * FROM made
""")
_GET = HotStatement(f"SELECT {_COLUMNS} FROM exports WHERE id = CAST(:id AS uuid)")
_LAST_PIECE = HotStatement("""
    SELECT n, data FROM export_chunks WHERE export_id = CAST(:id AS uuid) ORDER BY n DESC LIMIT 1
""")
_ADD_PIECE = HotStatement("""
    INSERT INTO export_chunks (export_id, n, data)
    SELECT id, :n, :data FROM exports WHERE id = CAST(:id AS uuid) AND state = 'pending' FOR KEY SHARE
    ON CONFLICT DO NOTHING RETURNING 1
""")
_FINISH = HotStatement("""
    UPDATE exports SET state = 'ready', finished_at = now(), expires_at = now() + make_interval(secs => :seconds)
    WHERE id = CAST(:id AS uuid) AND state = 'pending' RETURNING 1
""")
_SIZE = HotStatement("""
    SELECT coalesce(sum(octet_length(data)), 0) FROM export_chunks WHERE export_id = CAST(:id AS uuid)
""")
_PIECE = HotStatement("SELECT data FROM export_chunks WHERE export_id = CAST(:id AS uuid) AND n = :n")
_LEFT_OVER = HotStatement("""
    SELECT CAST(id AS text) FROM exports
    WHERE state = 'pending' AND created_at < now() - make_interval(secs => :seconds) ORDER BY created_at LIMIT :limit
""")
_FAIL = HotStatement("""
    WITH failed AS (
        UPDATE exports SET state = 'failed', finished_at = now(), expires_at = now() + make_interval(secs => :keep)
        WHERE state = 'pending' AND created_at < now() - make_interval(secs => :seconds) RETURNING id
    )
    DELETE FROM export_chunks WHERE export_id IN (SELECT id FROM failed) RETURNING 1
""")
_EXPIRED = HotStatement("""
    DELETE FROM exports WHERE id IN (
        SELECT id FROM exports WHERE expires_at < now() ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING 1
""")
_OWN_DATA = HotStatement(f"""
    SELECT {USER_COLUMNS}, {ms_of("created_at")} FROM users WHERE id = :user_id AND deleted_at IS NULL
""")
_CONVERSATIONS = HotStatement(f"""
    SELECT c.id, c.kind, c.name, c.description, m.role, {ms_of("m.joined_at")}, m.visible_from + 1,
           coalesce(m.left_seq, c.last_seq), m.left_seq IS NULL, m.archived, {ms_of("m.muted_until")},
           CASE WHEN c.direct_low = m.user_id THEN c.direct_high ELSE c.direct_low END
    FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
    WHERE m.user_id = :user_id AND m.conversation_id > :after ORDER BY m.conversation_id LIMIT 1
""")
_ONE_CONVERSATION = HotStatement("""
    SELECT m.visible_from + 1, coalesce(m.left_seq, c.last_seq)
    FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
    WHERE m.user_id = :user_id AND m.conversation_id = :conversation_id
""")
_MESSAGES = HotStatement(f"""
    SELECT {columns("x")} FROM messages AS x
    WHERE x.conversation_id = :conversation_id AND x.seq >= :first AND x.seq <= :last
      AND NOT EXISTS (SELECT FROM hidden_messages AS h
                      WHERE h.user_id = :user_id AND h.conversation_id = x.conversation_id AND h.seq = x.seq)
    ORDER BY x.seq LIMIT {MESSAGES_AT_ONCE}
""")


def begin_export(conn: Connection, user_id: int) -> StoredExport | None:
    """The export that is in the making, or a new one; None where there is no such user. Needs a transaction."""
    if not _LOCK.rows(conn, user_id=user_id):
        return None
    return StoredExport(*_BEGIN.rows(conn, user_id=user_id)[0])


def get_export(conn: Connection, export_id: str) -> StoredExport | None:
    return first(StoredExport, next(iter(_GET.rows(conn, id=export_id)), None))


def last_piece(conn: Connection, export_id: str) -> tuple[int, bytes] | None:
    """Its number and what it holds; None where nothing is written yet."""
    return next(((n, bytes(data)) for n, data in _LAST_PIECE.rows(conn, id=export_id)), None)


def add_piece(conn: Connection, export_id: str, n: int, data: bytes) -> bool:
    """False where somebody else wrote it, or the export is not in the making any more."""
    return bool(_ADD_PIECE.rows(conn, id=export_id, n=n, data=data))


def finish_export(conn: Connection, export_id: str, *, keep_seconds: int) -> None:
    _FINISH.rows(conn, id=export_id, seconds=keep_seconds)


def size_of(conn: Connection, export_id: str) -> int:
    """Bytes."""
    return int(_SIZE.rows(conn, id=export_id)[0][0])


def read_pieces(engine: Engine, export_id: str) -> Iterator[bytes]:
    """One after the other, each with a connection that is given back before it is yielded."""
    n = 0
    while True:
        with reading(engine) as conn:
            rows = _PIECE.rows(conn, id=export_id, n=n)
        if not rows:
            return
        yield bytes(rows[0][0])
        n += 1


def unfinished(conn: Connection, *, older_than_seconds: int, limit: int = 100) -> list[str]:
    """Exports that were asked for so long ago and are not ready."""
    return [id_ for (id_,) in _LEFT_OVER.rows(conn, seconds=older_than_seconds, limit=limit)]


def give_up(conn: Connection, *, older_than_seconds: int, keep_seconds: int) -> None:
    """What is not ready by then failed; it says so for ``keep_seconds``."""
    _FAIL.rows(conn, seconds=older_than_seconds, keep=keep_seconds)


def forget_expired(conn: Connection, limit: int = 100) -> int:
    """Delete up to ``limit`` exports that expired, with their pieces; returns how many."""
    return len(_EXPIRED.rows(conn, limit=limit))


# --- what is exported


def own_data(conn: Connection, user_id: int) -> OwnData | None:
    return first(OwnData, next(iter(_OWN_DATA.rows(conn, user_id=user_id)), None))


def next_conversation(conn: Connection, user_id: int, after: int) -> ExportedConversation | None:
    """The user's first one with a greater id, those they left included."""
    rows = structs(ExportedConversation, _CONVERSATIONS.rows(conn, user_id=user_id, after=after))
    return rows[0] if rows else None


def seqs_of(conn: Connection, user_id: int, conversation_id: int) -> tuple[int, int]:
    """``first_seq`` and ``last_seq`` of ExportedConversation; (1, 0) where the user was never in it."""
    rows = _ONE_CONVERSATION.rows(conn, user_id=user_id, conversation_id=conversation_id)
    return (rows[0][0], rows[0][1]) if rows else (1, 0)


def exported_messages(
    conn: Connection, user_id: int, conversation_id: int, first_seq: int, last_seq: int
) -> list[StoredMessage]:
    """The first ``MESSAGES_AT_ONCE`` of these that the user has not hidden, by seq; the deleted have no text."""
    values = {"conversation_id": conversation_id, "user_id": user_id, "first": first_seq, "last": last_seq}
    return structs(StoredMessage, _MESSAGES.rows(conn, **values))
