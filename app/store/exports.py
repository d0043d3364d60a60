"""Exports: files of users' own data, as lines of JSON, stored in pieces so that neither writer nor reader holds more
than one piece in memory.

Invariant: a piece ends with a whole line. The last stored line therefore shows where an interrupted writer continues.
Two writers at once write the same pieces: the second one finds its piece already stored and stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

from msgspec import Struct
from sqlalchemy import Connection, Engine, Text, case, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store import messages
from app.store.distribution import among_own
from app.store.engine import reading
from app.store.messages import StoredMessage
from app.store.models import Conversation, Export, ExportChunk, Member, User
from app.store.sql import as_ms, first
from app.store.users import EXISTS, USER_COLUMNS, StoredUser

MESSAGES_AT_ONCE = 200  # with 8,000 characters per message, below 10 MB of memory


class StoredExport(Struct, frozen=True):
    id: str
    user_id: int
    state: str
    created_ms: int
    finished_ms: int | None
    expires_ms: int | None


class OwnData(Struct, frozen=True):
    """A user's profile, as it is written to their own export."""

    user: StoredUser
    created_ms: int
    email: str | None


class ExportedConversation(Struct, frozen=True):
    """``first_seq`` and ``last_seq`` bound the messages that the user could ever see."""

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


# In the order of StoredExport's fields.
_COLUMNS = (
    cast(Export.id, Text),
    Export.user_id,
    Export.state,
    as_ms(Export.created_at),
    as_ms(Export.finished_at),
    as_ms(Export.expires_at),
)
_PENDING = Export.state == "pending"
_FIRST_SEQ = Member.visible_from + 1
_LAST_SEQ = func.coalesce(Member.left_seq, Conversation.last_seq)


def begin_export(conn: Connection, user_id: int) -> StoredExport | None:
    """Returns the user's pending export, or a new one, which replaces older exports.

    A user has at most one pending export. Returns None if there is no such user. Needs a transaction: it locks the
    user's row.
    """
    if conn.execute(select(User.id).where(User.id == user_id, EXISTS).with_for_update()).first() is None:
        return None
    pending = select(*_COLUMNS).where(Export.user_id == user_id, _PENDING).order_by(Export.created_at.desc()).limit(1)
    found = first(StoredExport, conn.execute(pending).first())
    if found is not None:
        return found
    conn.execute(delete(Export).where(Export.user_id == user_id))
    new = insert(Export).values(id=uuid4(), user_id=user_id).returning(*_COLUMNS)
    return first(StoredExport, conn.execute(new).first())


def get_export(conn: Connection, export_id: str) -> StoredExport | None:
    return first(StoredExport, conn.execute(select(*_COLUMNS).where(Export.id == UUID(export_id))).first())


def last_piece(conn: Connection, export_id: str) -> tuple[int, bytes] | None:
    """Returns the number and the data of the last stored piece; None if nothing is written yet."""
    pieces = select(ExportChunk.n, ExportChunk.data).where(ExportChunk.export_id == UUID(export_id))
    row = conn.execute(pieces.order_by(ExportChunk.n.desc()).limit(1)).first()
    return None if row is None else (row.n, row.data)


def add_piece(conn: Connection, export_id: str, n: int, data: bytes) -> bool:
    """Stores a piece. Returns False if another writer stored it, or if the export is no longer pending."""
    columns = Export.id, literal(n), literal(data)
    export = select(*columns).where(Export.id == UUID(export_id), _PENDING).with_for_update(read=True, key_share=True)
    new = insert(ExportChunk).from_select(["export_id", "n", "data"], export).on_conflict_do_nothing()
    return conn.execute(new.returning(ExportChunk.n)).first() is not None


def finish_export(conn: Connection, export_id: str, *, keep_seconds: int) -> None:
    """Marks the export as ready. It expires after ``keep_seconds``."""
    expires_at = func.now() + timedelta(seconds=keep_seconds)
    ready = update(Export).where(Export.id == UUID(export_id), _PENDING)
    conn.execute(ready.values(state="ready", finished_at=func.now(), expires_at=expires_at))


def size_of(conn: Connection, export_id: str) -> int:
    """Returns the size of the file in bytes."""
    size = func.coalesce(func.sum(func.octet_length(ExportChunk.data)), 0)
    return int(conn.execute(select(size).where(ExportChunk.export_id == UUID(export_id))).scalar_one())


def read_pieces(engine: Engine, export_id: str) -> Iterator[bytes]:
    """Yields the pieces in order. Each connection is returned to the pool before its piece is yielded."""
    n = 0
    while True:
        piece = select(ExportChunk.data).where(ExportChunk.export_id == UUID(export_id), ExportChunk.n == n)
        with reading(engine) as conn:
            data = conn.execute(piece).scalar()
        if data is None:
            return
        yield data
        n += 1


def unfinished(conn: Connection, *, older_than_seconds: int, limit: int = 100) -> list[str]:
    """Returns exports that are still pending although they were requested this long ago."""
    before = func.now() - timedelta(seconds=older_than_seconds)
    overdue = select(cast(Export.id, Text)).where(_PENDING, Export.created_at < before)
    return list(conn.execute(overdue.order_by(Export.created_at).limit(limit)).scalars())


def fail_overdue(conn: Connection, *, older_than_seconds: int, keep_seconds: int) -> None:
    """Fails exports that were requested this long ago. The failure stays visible for ``keep_seconds``."""
    overdue = _PENDING, Export.created_at < func.now() - timedelta(seconds=older_than_seconds)
    expires_at = func.now() + timedelta(seconds=keep_seconds)
    failed = update(Export).where(*overdue).values(state="failed", finished_at=func.now(), expires_at=expires_at)
    ids = failed.returning(Export.id).cte("failed")
    conn.execute(delete(ExportChunk).where(ExportChunk.export_id.in_(select(ids.c.id))))


def forget_expired(conn: Connection, limit: int = 100) -> int:
    """Deletes up to ``limit`` expired exports with their pieces; returns how many."""
    expired = select(Export.id).where(Export.expires_at < func.now()).order_by(Export.expires_at).limit(limit)
    unlocked = expired.with_for_update(skip_locked=True)
    return conn.execute(delete(Export).where(Export.id.in_(unlocked))).rowcount


# --- what is exported


def own_data(conn: Connection, user_id: int) -> OwnData | None:
    """Returns the user's profile, or None if there is no such user."""
    profile = select(*USER_COLUMNS, as_ms(User.created_at), User.email).where(User.id == user_id, EXISTS)
    row = conn.execute(profile).first()
    if row is None:
        return None
    *user, created_ms, email = row
    return OwnData(StoredUser(*user), created_ms, email)


def next_conversation(conn: Connection, user_id: int, after: int) -> ExportedConversation | None:
    """Returns the user's first conversation with an id greater than ``after``, including those that they left, without
    those that are held back from them.
    """
    is_low = Conversation.direct_low == Member.user_id
    columns = (
        Conversation.id,
        Conversation.kind,
        Conversation.name,
        Conversation.description,
        Member.role,
        as_ms(Member.joined_at),
        _FIRST_SEQ,
        _LAST_SEQ,
        Member.left_seq.is_(None),
        Member.archived,
        as_ms(Member.muted_until),
        case((is_low, Conversation.direct_high), else_=Conversation.direct_low),
    )
    own = select(*columns).join(Conversation, Conversation.id == Member.conversation_id)
    later = own.where(Member.user_id == user_id, Member.conversation_id > after, Member.left_seq.is_distinct_from(0))
    later = later.where(*among_own(conn, user_id, Member.conversation_id, Conversation.id))
    return first(ExportedConversation, conn.execute(later.order_by(Member.conversation_id).limit(1)).first())


def seqs_of(conn: Connection, user_id: int, conversation_id: int) -> tuple[int, int]:
    """Returns ``first_seq`` and ``last_seq`` of ExportedConversation; (1, 0) if the user was never a member."""
    own = select(_FIRST_SEQ, _LAST_SEQ).join(Conversation, Conversation.id == Member.conversation_id)
    row = conn.execute(own.where(Member.user_id == user_id, Member.conversation_id == conversation_id)).first()
    return (1, 0) if row is None else (row[0], row[1])


def exported_messages(
    conn: Connection, user_id: int, conversation_id: int, first_seq: int, last_seq: int
) -> list[StoredMessage]:
    """Returns the first ``MESSAGES_AT_ONCE`` messages from ``first_seq`` to ``last_seq``, without those that the user
    has hidden. Deleted messages have no text."""
    return messages.read_range(conn, conversation_id, first_seq, last_seq, user_id=user_id, limit=MESSAGES_AT_ONCE)
