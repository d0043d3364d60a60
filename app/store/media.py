"""The row of a medium, from its upload to its removal. Each step requires the state that it leaves, so a step that two
processes attempt happens once.

``sweep_at`` of the row is when something has to be done next: a retry, a check whether a message names the medium, the
removal of its asset. The sweep finds the row even if the process died that set it (app/store/media_sweep.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection

from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, first, structs

# After this time an upload was left behind by a web process that died. No live upload takes as long
# (app/services/media/receive_upload.py).
RECEIVING_SECONDS = 2_400
# A medium that no message names is removed after this time.
UNUSED_SECONDS = 86_400
# A storage may accept an upload although the attempt seemed to fail. The asset appears within this time.
STORAGE_SETTLE_SECONDS = 600
# A task that was lost is enqueued again after this time.
REENQUEUE_SECONDS = 10


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


class Found(Struct, frozen=True):
    """The properties of a medium that processing found."""

    kind: str
    content_type: str
    bytes: int
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    blurhash: str | None = None
    waveform: list[int] | None = None
    thumbnail: bool = False


def columns(m: str) -> str:
    """Returns SQL for the fields of StoredMedia from the alias ``m``."""
    return (
        f"CAST({m}.id AS text), {m}.conversation_id, {m}.user_id, {m}.state, {m}.storage, {m}.direct, {m}.kind,"
        f" {m}.content_type, {m}.bytes, {m}.filename, {m}.width, {m}.height, {m}.duration, {m}.blurhash, {m}.waveform,"
        f" {m}.thumbnail, {m}.code, {m}.tries, {m}.failures, {m}.version,"
        f" CAST(date_part('epoch', now() - {m}.created_at) AS float8)"
    )


_BEGIN = HotStatement(f"""
    INSERT INTO media (id, user_id, conversation_id, state, storage, bytes, sweep_at)
    VALUES (CAST(:id AS uuid), :user_id, CAST(:conversation_id AS bigint), 'receiving', :storage, :bytes,
            now() + make_interval(secs => {RECEIVING_SECONDS}))
    RETURNING 1
""")
_BEGIN_DIRECT = HotStatement("""
    INSERT INTO media (id, user_id, conversation_id, state, storage, direct, kind, content_type, bytes, filename,
                       attempted_at, sweep_at)
    VALUES (CAST(:id AS uuid), :user_id, :conversation_id, 'awaiting', :storage, true, :kind, :content_type, :bytes,
            CAST(:filename AS text), now() + make_interval(secs => :seconds), now() + make_interval(secs => :seconds))
    RETURNING 1
""")
# The commit does not wait for the disk. That of ``finish_upload``, which is later in the write-ahead log, does.
_ADD_CHUNK = HotStatement("""
    WITH later AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO media_chunks (media_id, n, data)
    SELECT id, :n, :data FROM media, later WHERE id = CAST(:id AS uuid) AND state = 'receiving' FOR KEY SHARE OF media
    RETURNING 1
""")
_FINISH_UPLOAD = HotStatement(f"""
    UPDATE media SET state = 'processing', conversation_id = :conversation_id, kind = :kind,
        content_type = :content_type, bytes = :bytes, filename = CAST(:filename AS text),
        width = CAST(:width AS integer), height = CAST(:height AS integer),
        sweep_at = now() + make_interval(secs => {REENQUEUE_SECONDS})
    WHERE id = CAST(:id AS uuid) AND state = 'receiving' RETURNING 1
""")
_FORGET = HotStatement("DELETE FROM media WHERE id = CAST(:id AS uuid) AND state = :state RETURNING 1")
_GET = HotStatement(f"SELECT {columns('m')} FROM media AS m WHERE id = CAST(:id AS uuid)")
_MANY = HotStatement(f"""
    SELECT {columns("m")} FROM unnest(CAST(:ids AS uuid[])) AS asked (i) JOIN media AS m ON m.id = i
""")
_CHUNK = HotStatement("SELECT data FROM media_chunks WHERE media_id = CAST(:id AS uuid) AND n = :n", binary=True)
_FINISH_DIRECT = HotStatement(f"""
    UPDATE media SET state = 'processing', sweep_at = now() + make_interval(secs => {REENQUEUE_SECONDS})
    WHERE id = CAST(:id AS uuid) AND state = 'awaiting' RETURNING 1
""")
_CLAIM = HotStatement(f"""
    UPDATE media AS m SET tries = tries + 1, attempted_at = now(),
        lease_until = now() + make_interval(secs => :seconds), sweep_at = now() + make_interval(secs => :seconds)
    WHERE id = CAST(:id AS uuid) AND state = 'processing' AND (lease_until IS NULL OR lease_until <= now())
    RETURNING {columns("m")}
""")
_RENEW = HotStatement("""
    UPDATE media SET attempted_at = now(),
        lease_until = now() + make_interval(secs => :seconds), sweep_at = now() + make_interval(secs => :seconds)
    WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING 1
""")
_REQUEUE = HotStatement("""
    UPDATE media SET tries = CASE WHEN :orderly THEN 0 ELSE tries END, failures = failures + :failed,
        lease_until = now() + make_interval(secs => :seconds), sweep_at = now() + make_interval(secs => :seconds)
    WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING 1
""")
_PREVIEW = HotStatement("""
    UPDATE media SET width = CAST(:width AS integer), height = CAST(:height AS integer),
        blurhash = CAST(:blurhash AS text)
    WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING 1
""")
_DISCARD = HotStatement("""
    UPDATE media SET lease_until = NULL, sweep_at = now()
    WHERE id = CAST(:id AS uuid) AND state = 'deleting' RETURNING 1
""")
_NO_CHUNKS = "freed AS (DELETE FROM media_chunks WHERE media_id IN (SELECT id FROM ended))"
_READY = HotStatement(f"""
    WITH ended AS (
        UPDATE media SET state = 'ready', kind = :kind, content_type = :content_type, bytes = :bytes,
            width = CAST(:width AS integer), height = CAST(:height AS integer),
            duration = CAST(:duration AS float8), blurhash = CAST(:blurhash AS text),
            waveform = CAST(:waveform AS smallint[]), thumbnail = :thumbnail, lease_until = NULL,
            sweep_at = created_at + make_interval(secs => {UNUSED_SECONDS})
        WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING id
    ), {_NO_CHUNKS} SELECT 1 FROM ended
""")
_FAILED = HotStatement(f"""
    WITH ended AS (
        UPDATE media SET state = 'failed', code = :code, lease_until = NULL,
            sweep_at = coalesce(attempted_at, now()) + make_interval(secs => {STORAGE_SETTLE_SECONDS})
        WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING id
    ), {_NO_CHUNKS} SELECT 1 FROM ended
""")
_DELETE = HotStatement(f"""
    WITH ended AS (
        UPDATE media SET state = 'deleting', sweep_at = greatest(now(), lease_until)
        WHERE id = ANY(CAST(:ids AS uuid[])) AND state NOT IN ('deleting', 'receiving') RETURNING id
    ), {_NO_CHUNKS} SELECT CAST(id AS text) FROM ended
""")


def begin(conn: Connection, id_: str, user_id: int, conversation_id: int | None, storage: str, size: int) -> None:
    """Stores a new medium whose bytes are about to be received."""
    values = {"user_id": user_id, "conversation_id": conversation_id, "storage": storage, "bytes": size}
    _BEGIN.rows(conn, id=id_, **values)


def begin_direct(
    conn: Connection, id_: str, user_id: int, conversation_id: int, storage: str, found: Found, filename: str | None,
    *, seconds: int,
) -> None:  # fmt: skip
    """Stores a new medium that the client uploads to the storage itself, within ``seconds``."""
    values = {"kind": found.kind, "content_type": found.content_type, "bytes": found.bytes, "filename": filename}
    place = {"user_id": user_id, "conversation_id": conversation_id, "storage": storage}
    _BEGIN_DIRECT.rows(conn, id=id_, **place, **values, seconds=seconds)


def add_chunk(conn: Connection, id_: str, n: int, data: bytes) -> bool:
    """Stores the ``n``-th piece. Returns False if the upload was ended."""
    return bool(_ADD_CHUNK.rows(conn, id=id_, n=n, data=data))


def finish_upload(conn: Connection, id_: str, conversation_id: int, found: Found, filename: str | None) -> bool:
    """All pieces are stored: moves the medium to processing. Returns False if the upload was ended."""
    values = {"kind": found.kind, "content_type": found.content_type, "bytes": found.bytes, "filename": filename}
    size = {"width": found.width, "height": found.height}
    return bool(_FINISH_UPLOAD.rows(conn, id=id_, conversation_id=conversation_id, **values, **size))


def forget(conn: Connection, id_: str, state: str) -> bool:
    """Deletes the row and its staged pieces. Returns False if the medium is not in ``state``."""
    return bool(_FORGET.rows(conn, id=id_, state=state))


def get(conn: Connection, id_: str) -> StoredMedia | None:
    return first(StoredMedia, _GET.row(conn, id=id_))


def get_many(conn: Connection, ids: Iterable[str]) -> dict[str, StoredMedia]:
    """Returns the media that exist, by id."""
    return {row.id: row for row in structs(StoredMedia, _MANY.rows(conn, ids=text_array(ids)))}


def read_chunk(conn: Connection, id_: str, n: int) -> bytes | None:
    return next((data for (data,) in _CHUNK.rows(conn, id=id_, n=n)), None)


def finish_direct_upload(conn: Connection, id_: str) -> bool:
    """Moves a direct upload to processing. Returns False if none is awaited."""
    return bool(_FINISH_DIRECT.rows(conn, id=id_))


def claim(conn: Connection, id_: str, *, lease_seconds: float) -> StoredMedia | None:
    """Leases the medium to the caller, or returns None if another worker has it or nothing is left to do."""
    return first(StoredMedia, _CLAIM.row(conn, id=id_, seconds=lease_seconds))


def renew(conn: Connection, id_: str, *, lease_seconds: float) -> bool:
    """Extends the lease. Returns False if the medium was deleted in the meantime."""
    return bool(_RENEW.rows(conn, id=id_, seconds=lease_seconds))


def requeue(conn: Connection, id_: str, *, seconds: float, failed: bool, orderly: bool) -> None:
    """Makes the medium due again in ``seconds``.

    ``tries`` goes on counting unless the attempt ended ``orderly``, so that a medium that crashes its workers is not
    tried forever.
    """
    _REQUEUE.rows(conn, id=id_, seconds=seconds, failed=int(failed), orderly=orderly)


def discard(conn: Connection, id_: str) -> None:
    """Ends the lease of a worker that noticed the deletion, so that the sweep removes the medium now."""
    _DISCARD.rows(conn, id=id_)


def save_preview(conn: Connection, id_: str, width: int, height: int, blurhash: str) -> None:
    """Stores the preview that receivers see until the medium is ready."""
    _PREVIEW.rows(conn, id=id_, width=width, height=height, blurhash=blurhash)


def mark_ready(conn: Connection, id_: str, found: Found) -> bool:
    """Stores the properties and deletes the staged pieces. Returns False if the medium was deleted in the meantime."""
    waveform = None if found.waveform is None else int_array(found.waveform)
    values = {
        "kind": found.kind,
        "content_type": found.content_type,
        "bytes": found.bytes,
        "width": found.width,
        "height": found.height,
        "duration": found.duration,
        "blurhash": found.blurhash,
        "thumbnail": found.thumbnail,
    }
    return bool(_READY.rows(conn, id=id_, waveform=waveform, **values))


def mark_failed(conn: Connection, id_: str, code: str) -> bool:
    """Marks a medium that can never be ready, and deletes the staged pieces. Returns False if it was deleted in the
    meantime.
    """
    return bool(_FAILED.rows(conn, id=id_, code=code))


def begin_deletion(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Marks the assets of these media for removal (app/services/media/discard_media.py).

    Returns the ids that were not marked before.
    """
    return [id_ for (id_,) in _DELETE.rows(conn, ids=text_array(ids))]
