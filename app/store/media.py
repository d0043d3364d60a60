"""One medium's row from its upload to its end. Every step names the state that it leaves, so two who try it do it once.

What is owed afterwards (a retry, a look whether anybody named it, the removal of its asset) is ``sweep_at`` of the row:
the sweep finds it whoever died in between (app/store/media_sweep.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection

from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, first, structs

# A web process that dies leaves an upload behind; none that lives takes so long (app/services/media/receive_upload.py).
RECEIVING_SECONDS = 2_400
# Nobody has named it by then: it goes.
UNNAMED_SECONDS = 86_400
# After the last attempt to store it: should the storage have taken it after all, it shows by then.
LATE_SECONDS = 600
# A task that was lost is asked for again.
ASKED_AGAIN_SECONDS = 10


class StoredMedia(Struct, frozen=True):
    """A row of ``media``; ``waveform`` is 64 numbers of 0 to 100."""

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
    """What processing found out about a medium."""

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
    """SQL for the fields of StoredMedia out of the alias ``m``."""
    return (
        f"CAST({m}.id AS text), {m}.conversation_id, {m}.user_id, {m}.state, {m}.storage, {m}.direct, {m}.kind,"
        f" {m}.content_type, {m}.bytes, {m}.filename, {m}.width, {m}.height, {m}.duration, {m}.blurhash, {m}.waveform,"
        f" {m}.thumbnail, {m}.code, {m}.tries, {m}.failures, {m}.version,"
        f" CAST(date_part('epoch', now() - {m}.created_at) AS float8)"
    )


_WAITING = HotStatement("""
    SELECT coalesce(sum(bytes), 0) FROM media
    WHERE user_id = :user_id AND state IN ('receiving', 'awaiting', 'processing')
""")
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
# Does not wait for the disk: `received` does, whose commit is behind it in the write-ahead log.
_ADD_CHUNK = HotStatement("""
    WITH later AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO media_chunks (media_id, n, data)
    SELECT id, :n, :data FROM media, later WHERE id = CAST(:id AS uuid) AND state = 'receiving' FOR KEY SHARE OF media
    RETURNING 1
""")
_RECEIVED = HotStatement(f"""
    UPDATE media SET state = 'processing', conversation_id = :conversation_id, kind = :kind,
        content_type = :content_type, bytes = :bytes, filename = CAST(:filename AS text),
        width = CAST(:width AS integer), height = CAST(:height AS integer),
        sweep_at = now() + make_interval(secs => {ASKED_AGAIN_SECONDS})
    WHERE id = CAST(:id AS uuid) AND state = 'receiving' RETURNING 1
""")
_FORGET = HotStatement("DELETE FROM media WHERE id = CAST(:id AS uuid) AND state = :state RETURNING 1")
_GET = HotStatement(f"SELECT {columns('m')} FROM media AS m WHERE id = CAST(:id AS uuid)")
_MANY = HotStatement(f"""
    SELECT {columns("m")} FROM unnest(CAST(:ids AS uuid[])) AS asked (i) JOIN media AS m ON m.id = i
""")
_CHUNK = HotStatement("SELECT data FROM media_chunks WHERE media_id = CAST(:id AS uuid) AND n = :n", binary=True)
_COMPLETED = HotStatement(f"""
    UPDATE media SET state = 'processing', sweep_at = now() + make_interval(secs => {ASKED_AGAIN_SECONDS})
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
_PUT_BACK = HotStatement("""
    UPDATE media SET tries = CASE WHEN :orderly THEN 0 ELSE tries END, failures = failures + :failed,
        lease_until = now() + make_interval(secs => :seconds), sweep_at = now() + make_interval(secs => :seconds)
    WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING 1
""")
_PREVIEW = HotStatement("""
    UPDATE media SET width = CAST(:width AS integer), height = CAST(:height AS integer),
        blurhash = CAST(:blurhash AS text)
    WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING 1
""")
_LET_GO = HotStatement("""
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
            sweep_at = created_at + make_interval(secs => {UNNAMED_SECONDS})
        WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING id
    ), {_NO_CHUNKS} SELECT 1 FROM ended
""")
_FAILED = HotStatement(f"""
    WITH ended AS (
        UPDATE media SET state = 'failed', code = :code, lease_until = NULL,
            sweep_at = coalesce(attempted_at, now()) + make_interval(secs => {LATE_SECONDS})
        WHERE id = CAST(:id AS uuid) AND state = 'processing' RETURNING id
    ), {_NO_CHUNKS} SELECT 1 FROM ended
""")
_DELETE = HotStatement(f"""
    WITH ended AS (
        UPDATE media SET state = 'deleting', sweep_at = greatest(now(), lease_until)
        WHERE id = ANY(CAST(:ids AS uuid[])) AND state NOT IN ('deleting', 'receiving') RETURNING id
    ), {_NO_CHUNKS} SELECT CAST(id AS text) FROM ended
""")


def waiting_bytes(conn: Connection, user_id: int) -> int:
    """Of the user's media that are not processed yet, those being received as long as they say they are."""
    return int(_WAITING.rows(conn, user_id=user_id)[0][0])


def begin(conn: Connection, id_: str, user_id: int, conversation_id: int | None, storage: str, size: int) -> None:
    values = {"user_id": user_id, "conversation_id": conversation_id, "storage": storage, "bytes": size}
    _BEGIN.rows(conn, id=id_, **values)


def begin_direct(
    conn: Connection, id_: str, user_id: int, conversation_id: int, storage: str, found: Found, filename: str | None,
    *, seconds: int,
) -> None:  # fmt: skip
    """A medium that the client brings to the storage itself, within so many seconds."""
    values = {"kind": found.kind, "content_type": found.content_type, "bytes": found.bytes, "filename": filename}
    place = {"user_id": user_id, "conversation_id": conversation_id, "storage": storage}
    _BEGIN_DIRECT.rows(conn, id=id_, **place, **values, seconds=seconds)


def add_chunk(conn: Connection, id_: str, n: int, data: bytes) -> bool:
    """False where the medium is received no more. A transaction of its own where ``conn`` is in none."""
    return bool(_ADD_CHUNK.rows(conn, id=id_, n=n, data=data))


def received(conn: Connection, id_: str, conversation_id: int, found: Found, filename: str | None) -> bool:
    """All of it is there. False where it is received no more."""
    values = {"kind": found.kind, "content_type": found.content_type, "bytes": found.bytes, "filename": filename}
    size = {"width": found.width, "height": found.height}
    return bool(_RECEIVED.rows(conn, id=id_, conversation_id=conversation_id, **values, **size))


def forget(conn: Connection, id_: str, state: str) -> bool:
    """Remove the row, and what is staged of it. False where it is not in that state."""
    return bool(_FORGET.rows(conn, id=id_, state=state))


def get(conn: Connection, id_: str) -> StoredMedia | None:
    return first(StoredMedia, next(iter(_GET.rows(conn, id=id_)), None))


def get_many(conn: Connection, ids: Iterable[str]) -> dict[str, StoredMedia]:
    """Those that there are, by id, in one statement."""
    return {row.id: row for row in structs(StoredMedia, _MANY.rows(conn, ids=text_array(ids)))}


def read_chunk(conn: Connection, id_: str, n: int) -> bytes | None:
    return next((data for (data,) in _CHUNK.rows(conn, id=id_, n=n)), None)


def completed(conn: Connection, id_: str) -> bool:
    """A direct upload has come. False where it is not waited for."""
    return bool(_COMPLETED.rows(conn, id=id_))


def claim(conn: Connection, id_: str, *, lease_seconds: float) -> StoredMedia | None:
    """The medium, to be worked at for so long; None where another has it, or there is nothing to do."""
    return first(StoredMedia, next(iter(_CLAIM.rows(conn, id=id_, seconds=lease_seconds)), None))


def renew(conn: Connection, id_: str, *, lease_seconds: float) -> bool:
    """False where it was deleted meanwhile."""
    return bool(_RENEW.rows(conn, id=id_, seconds=lease_seconds))


def requeue(conn: Connection, id_: str, *, seconds: float, failed: bool, orderly: bool) -> None:
    """Not now: again in so many seconds. What did not end in order is not tried for ever."""
    _PUT_BACK.rows(conn, id=id_, seconds=seconds, failed=int(failed), orderly=orderly)


def discard(conn: Connection, id_: str) -> None:
    """Its worker has noticed that it was deleted."""
    _LET_GO.rows(conn, id=id_)


def save_preview(conn: Connection, id_: str, width: int, height: int, blurhash: str) -> None:
    """What receivers are shown until it is ready."""
    _PREVIEW.rows(conn, id=id_, width=width, height=height, blurhash=blurhash)


def mark_ready(conn: Connection, id_: str, found: Found) -> bool:
    """Frees what is staged. False where it was deleted meanwhile."""
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


def become_failed(conn: Connection, id_: str, code: str) -> bool:
    """The same for one that can never be ready."""
    return bool(_FAILED.rows(conn, id=id_, code=code))


def begin_deletion(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Marks the assets of these media for removal by app/services/media/discard_media.py.

    Returns the ids that were not marked before.
    """
    return [id_ for (id_,) in _DELETE.rows(conn, ids=text_array(ids))]
