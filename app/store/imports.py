"""Imports: their bodies in pieces, and the progress of each.

A worker holds the lock on an import's row for one step at a time. A step writes its rows and its progress in one
transaction, so a repeated step begins at the end of the last one.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection, Text, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core.imports import LineError
from app.store.models import Import, ImportPiece
from app.store.sql import HotStatement, first

KEPT_DAYS = 30
UNFINISHED = Import.state.not_in(["done", "failed"])


Part = tuple[int, int, int]


class Progress(Struct, omit_defaults=True):
    """``checked``: pieces of the body. ``stage``: the kind of rows it writes. ``name``: the last user of that stage.
    ``conversation``, ``ms``, ``line``, ``seq``: the last message that was written. ``first_ms`` and ``last_ms``: of the
    messages in new conversations. ``moved``: user ids that were planned -> those that the users have. ``recent``: where
    the last step wrote messages whose ids may be sent again, as (conversation, seq before them, last seq).
    """

    checked: int = 0
    stage: str = "users"
    name: str = ""
    conversation: int = 0
    ms: int = 0
    line: int = 0
    seq: int = 0
    done: int = 0
    first_ms: int = 0
    last_ms: int = 0
    moved: dict[str, int] = field(default_factory=dict)
    recent: list[Part] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


class StoredImport(Struct, frozen=True):
    id: str
    state: str
    pieces: int
    total: int
    progress: Progress


class Piece(Struct, frozen=True):
    first_line: int
    data: bytes


_COLUMNS = (cast(Import.id, Text), Import.state, Import.pieces, Import.total, Import.progress)
_HOLD = HotStatement("""
    SELECT CAST(id AS text), state, pieces, total, progress FROM imports WHERE id = :id FOR UPDATE SKIP LOCKED
""")
_SAVE = HotStatement("""
    UPDATE imports SET state = :state, progress = CAST(:progress AS jsonb), worked_at = now() WHERE id = :id
""")


def begin(conn: Connection, import_id: str, server_key: str) -> None:
    conn.execute(insert(Import).values(id=UUID(import_id), server_key=server_key))


def add_piece(conn: Connection, import_id: str, n: int, first_line: int, data: bytes) -> None:
    conn.execute(insert(ImportPiece).values(import_id=UUID(import_id), n=n, first_line=first_line, data=data))


def received(conn: Connection, import_id: str, *, pieces: int, total: int) -> None:
    """The whole body is here."""
    row = update(Import).where(Import.id == UUID(import_id), Import.state == "receiving")
    conn.execute(row.values(state="pending", pieces=pieces, total=total, worked_at=func.now()))


def forget(conn: Connection, import_id: str) -> None:
    """Deletes an import whose body did not arrive as a whole."""
    conn.execute(delete(Import).where(Import.id == UUID(import_id), Import.state == "receiving"))


def count_unfinished(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(Import).where(UNFINISHED)).scalar_one())


def find(conn: Connection, import_id: str) -> StoredImport | None:
    """Returns None for an import that is still being received as well."""
    row = conn.execute(select(*_COLUMNS).where(Import.id == UUID(import_id), Import.state != "receiving")).first()
    return _import(row)


def hold(conn: Connection, import_id: str) -> StoredImport | None:
    """Returns the import, and keeps others from working on it until the transaction ends. Returns None if somebody
    works on it, and if there is no such import.
    """
    return _import(_HOLD.row(conn, id=import_id))


def save(conn: Connection, import_id: str, state: str, progress: Progress) -> None:
    _SAVE.run(conn, id=import_id, state=state, progress=msgspec.json.encode(progress).decode())


def read_piece(conn: Connection, import_id: str, n: int) -> Piece | None:
    columns = ImportPiece.first_line, ImportPiece.data
    row = conn.execute(select(*columns).where(ImportPiece.import_id == UUID(import_id), ImportPiece.n == n)).first()
    return first(Piece, row)


def delete_piece(conn: Connection, import_id: str, n: int) -> None:
    conn.execute(delete(ImportPiece).where(ImportPiece.import_id == UUID(import_id), ImportPiece.n == n))


def unfinished(conn: Connection, *, older_than_seconds: int, limit: int = 100) -> list[str]:
    """Returns imports on which nobody has worked for this long, without those that are still being received."""
    before = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, literal(older_than_seconds))
    overdue = select(cast(Import.id, Text)).where(UNFINISHED, Import.state != "receiving", Import.worked_at < before)
    return list(conn.execute(overdue.order_by(Import.worked_at).limit(limit)).scalars())


def forget_old(conn: Connection, limit: int = 10) -> None:
    """Deletes imports that ended long ago, and bodies that have not grown for a day."""
    ended = Import.created_at < func.now() - func.make_interval(0, 0, 0, KEPT_DAYS), ~UNFINISHED
    lost = Import.worked_at < func.now() - func.make_interval(0, 0, 0, 1), Import.state == "receiving"
    for gone in (ended, lost):
        ids = select(Import.id).where(*gone).order_by(Import.created_at).limit(limit)
        conn.execute(delete(Import).where(Import.id.in_(ids)))


def _import(row: Any) -> StoredImport | None:
    if row is None:
        return None
    id_, state, pieces, total, progress = row
    return StoredImport(id_, state, pieces, total, msgspec.convert(progress, Progress))
