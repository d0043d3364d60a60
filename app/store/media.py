"""The steps of a medium from its upload to its final state. Each step requires the state that it leaves, so a step that
two processes attempt happens once.

``sweep_at`` of the row is the time of the next action: a retry, a check whether a message names the medium, the removal
of its asset. The sweep finds the row even if the process died that set it (app/store/media_sweep.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, Float, Text, Update, cast, delete, func, insert, or_, select, update

from app.store.media_rows import PLAIN_COLUMNS, StoredMedia
from app.store.models import Media, MediaChunk
from app.store.sql import first

# After this time an upload was left behind by a web process that died. No live upload takes as long
# (app/services/media/receive_upload.py).
RECEIVING_SECONDS = 2_400
# A medium that no message names is removed after this time.
UNUSED_SECONDS = 86_400
# A storage may accept an upload although the attempt seemed to fail. The asset appears within this time.
STORAGE_SETTLE_SECONDS = 600
# A task that was lost is enqueued again after this time.
REENQUEUE_SECONDS = 10

_COLUMNS = (
    cast(Media.id, Text),
    *(getattr(Media, name) for name in PLAIN_COLUMNS),
    cast(func.date_part("epoch", func.now() - Media.created_at), Float),
)


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


def _in(seconds: float) -> ColumnElement[Any]:
    return func.now() + timedelta(seconds=seconds)


def _from(state: str, id_: str) -> Update:
    """Returns an update of the medium that changes nothing unless the medium is in ``state``."""
    return update(Media).where(Media.id == UUID(id_), Media.state == state)


def begin(conn: Connection, id_: str, user_id: int, conversation_id: int | None, storage: str, size: int) -> None:
    """Stores a new medium whose bytes are about to be received."""
    place = {"id": UUID(id_), "user_id": user_id, "conversation_id": conversation_id, "storage": storage}
    conn.execute(insert(Media).values(**place, state="receiving", bytes=size, sweep_at=_in(RECEIVING_SECONDS)))


def begin_direct(
    conn: Connection, id_: str, user_id: int, conversation_id: int, storage: str, found: Found, filename: str | None,
    *, seconds: int,
) -> None:  # fmt: skip
    """Stores a new medium that the client uploads to the storage itself, within ``seconds``."""
    place = {"id": UUID(id_), "user_id": user_id, "conversation_id": conversation_id, "storage": storage}
    declared = {"kind": found.kind, "content_type": found.content_type, "bytes": found.bytes, "filename": filename}
    times = {"attempted_at": _in(seconds), "sweep_at": _in(seconds)}
    conn.execute(insert(Media).values(**place, **declared, **times, state="awaiting", direct=True))


def finish_upload(conn: Connection, id_: str, conversation_id: int, found: Found, filename: str | None) -> bool:
    """Moves the medium, all pieces of which are stored, to processing. Returns False if the upload was ended."""
    received = _from("receiving", id_).values(
        state="processing",
        conversation_id=conversation_id,
        kind=found.kind,
        content_type=found.content_type,
        bytes=found.bytes,
        filename=filename,
        width=found.width,
        height=found.height,
        sweep_at=_in(REENQUEUE_SECONDS),
    )
    return conn.execute(received).rowcount > 0


def finish_direct_upload(conn: Connection, id_: str) -> bool:
    """Moves a direct upload to processing. Returns False if no such upload is awaited."""
    received = _from("awaiting", id_).values(state="processing", sweep_at=_in(REENQUEUE_SECONDS))
    return conn.execute(received).rowcount > 0


def forget(conn: Connection, id_: str, state: str) -> bool:
    """Deletes the row and its staged pieces. Returns False if the medium is not in ``state``."""
    return conn.execute(delete(Media).where(Media.id == UUID(id_), Media.state == state)).rowcount > 0


def get(conn: Connection, id_: str) -> StoredMedia | None:
    return first(StoredMedia, conn.execute(select(*_COLUMNS).where(Media.id == UUID(id_))).first())


def claim(conn: Connection, id_: str, *, lease_seconds: float) -> StoredMedia | None:
    """Leases the medium to the caller, or returns None if another worker has it or nothing is left to do."""
    is_free = or_(Media.lease_until.is_(None), Media.lease_until <= func.now())
    leased = _lease(id_, lease_seconds).where(is_free).values(tries=Media.tries + 1)
    return first(StoredMedia, conn.execute(leased.returning(*_COLUMNS)).first())


def renew(conn: Connection, id_: str, *, lease_seconds: float) -> bool:
    """Extends the lease. Returns False if the medium was deleted in the meantime."""
    return conn.execute(_lease(id_, lease_seconds)).rowcount > 0


def _lease(id_: str, seconds: float) -> Update:
    until = _in(seconds)
    return _from("processing", id_).values(attempted_at=func.now(), lease_until=until, sweep_at=until)


def requeue(conn: Connection, id_: str, *, seconds: float, failed: bool, orderly: bool) -> None:
    """Makes the medium due again in ``seconds``.

    ``tries`` goes on counting unless the attempt ended ``orderly``, so that a medium that crashes its workers is not
    tried forever.
    """
    due = _from("processing", id_).values(lease_until=_in(seconds), sweep_at=_in(seconds))
    tries = 0 if orderly else Media.tries
    conn.execute(due.values(tries=tries, failures=Media.failures + int(failed)))


def discard(conn: Connection, id_: str) -> None:
    """Ends the lease of a worker that noticed the deletion, so that the sweep removes the medium now."""
    conn.execute(_from("deleting", id_).values(lease_until=None, sweep_at=func.now()))


def save_findings(conn: Connection, id_: str, found: Found, filename: str | None) -> None:
    """Stores what receivers see until the medium is ready, and the kind under which its asset is stored."""
    names = ("kind", "content_type", "width", "height", "blurhash")
    values = {name: getattr(found, name) for name in names}
    conn.execute(_from("processing", id_).values(**values, filename=filename))


def mark_ready(conn: Connection, id_: str, found: Found) -> bool:
    """Stores the properties and deletes the staged pieces. Returns False if the medium was deleted in the meantime."""
    unused_until = Media.created_at + timedelta(seconds=UNUSED_SECONDS)
    return _settle(conn, id_, state="ready", sweep_at=unused_until, **asdict(found))


def mark_failed(conn: Connection, id_: str, code: str) -> bool:
    """Marks a medium that can never be ready, and deletes the staged pieces. Returns False if it was deleted in the
    meantime.
    """
    last_attempt = func.coalesce(Media.attempted_at, func.now())
    settled_by = last_attempt + timedelta(seconds=STORAGE_SETTLE_SECONDS)
    return _settle(conn, id_, state="failed", sweep_at=settled_by, code=code)


def _settle(conn: Connection, id_: str, **values: Any) -> bool:
    """In one statement, so that it needs no transaction."""
    settled = _from("processing", id_).values(lease_until=None, **values).returning(Media.id).cte("settled")
    freed = delete(MediaChunk).where(MediaChunk.media_id.in_(select(settled.c.id))).cte("freed")
    return conn.execute(select(settled.c.id).add_cte(freed)).first() is not None
