"""Rows of media as messages need them, the staged pieces of uploads, and the mark for removal. media.py has the steps
from the upload to the final state.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection

from app.store.pg_arrays import text_array
from app.store.sql import HotStatement, structs


class StoredMedia(Struct, frozen=True):
    """A row of ``media``. ``waveform`` is 64 numbers from 0 to 100."""

    id: str
    conversation_id: int | None
    user_id: int
    state: str
    storage: str
    direct: bool
    kind: str
    content_type: str
    bytes: int
    filename: str | None
    width: int | None
    height: int | None
    duration: float | None
    blurhash: str | None
    waveform: list[int] | None
    thumbnail: bool
    code: str | None
    tries: int
    failures: int
    version: int
    age_seconds: float


# The columns between ``id`` and ``age_seconds``, which are read as they are stored.
PLAIN_COLUMNS = StoredMedia.__struct_fields__[1:-1]


def columns(m: str) -> str:
    """Returns SQL for the fields of StoredMedia from the alias ``m``."""
    plain = ", ".join(f"{m}.{name}" for name in PLAIN_COLUMNS)
    return f"CAST({m}.id AS text), {plain}, CAST(date_part('epoch', now() - {m}.created_at) AS float8)"


_MANY = HotStatement(f"""
    SELECT {columns("m")} FROM unnest(CAST(:ids AS uuid[])) AS wanted (i) JOIN media AS m ON m.id = i
""")
# The commit does not wait for the disk. The commit of ``media.finish_upload`` does, and it is later in the write-ahead
# log.
_ADD_CHUNK = HotStatement("""
    WITH later AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO media_chunks (media_id, n, data)
    SELECT id, :n, :data FROM media, later WHERE id = CAST(:id AS uuid) AND state = 'receiving' FOR KEY SHARE OF media
""")
_CHUNK = HotStatement("SELECT data FROM media_chunks WHERE media_id = CAST(:id AS uuid) AND n = :n", binary=True)
_DELETE = HotStatement("""
    WITH deleted AS (
        UPDATE media SET state = 'deleting', sweep_at = greatest(now(), lease_until)
        WHERE id = ANY(CAST(:ids AS uuid[])) AND state NOT IN ('deleting', 'receiving') RETURNING id
    ), freed AS (DELETE FROM media_chunks WHERE media_id IN (SELECT id FROM deleted))
    SELECT CAST(id AS text) FROM deleted
""")


def get_many(conn: Connection, ids: Iterable[str]) -> dict[str, StoredMedia]:
    """Returns the media that exist, by id."""
    return {row.id: row for row in structs(StoredMedia, _MANY.rows(conn, ids=text_array(ids)))}


def add_chunk(conn: Connection, id_: str, n: int, data: bytes) -> bool:
    """Stores the ``n``-th piece. Returns False if the upload was ended."""
    return _ADD_CHUNK.run(conn, id=id_, n=n, data=data) > 0


def read_chunk(conn: Connection, id_: str, n: int) -> bytes | None:
    """Returns the ``n``-th piece, or None if there is none."""
    row = _CHUNK.row(conn, id=id_, n=n)
    return None if row is None else row[0]


def begin_deletion(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Marks the assets of these media for removal (app/services/media/discard_media.py).

    Returns the ids that were not marked before.
    """
    return [id_ for (id_,) in _DELETE.rows(conn, ids=text_array(ids))]
