"""Exports of a user's own data: request the file, check its progress, read it. A user cannot see that another user's
export exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

from msgspec import UNSET, UnsetType
from sqlalchemy import Engine

from app.core.accounts import ExportState, ExportView
from app.core.errors import NotFound, Unauthorized
from app.core.times import rfc3339
from app.services.audit.record import record
from app.store import exports as store
from app.store.engine import reading, writing
from app.store.exports import StoredExport
from app.task_queue import enqueue_export


class ExportFile(NamedTuple):
    """``pieces`` can be read once; ``size`` is their total length in bytes."""

    pieces: Iterator[bytes]
    size: int


def begin_export(user_id: int, *, engine: Engine) -> ExportView:
    """Returns the pending export, or begins a new one that replaces older ones. Raises Overloaded if Postgres does not
    answer.
    """
    with writing(engine) as conn:
        export = store.begin_export(conn, user_id)
        if export is not None:
            record(conn, "export.begun", actor_id=user_id, target_id=user_id, exportId=export.id)
    if export is None:
        raise Unauthorized("This account no longer exists.")
    enqueue_export(export.id)
    return _view(export)


def show_export(user_id: int, export_id: str, *, engine: Engine) -> ExportView:
    """Returns the state of an export. Raises NotFound if the user has no such export or it has expired."""
    return _view(_find(engine, user_id, export_id))


def read_export(user_id: int, export_id: str, *, engine: Engine) -> ExportFile:
    """Returns the file of an export. Raises NotFound as ``show_export`` does, and also if the file is not ready."""
    if _find(engine, user_id, export_id).state != "ready":
        raise NotFound("The export is not ready.")
    with writing(engine) as conn:
        record(conn, "export.read", actor_id=user_id, target_id=user_id, exportId=export_id)
        size = store.size_of(conn, export_id)
    return ExportFile(store.read_pieces(engine, export_id), size)


def _find(engine: Engine, user_id: int, export_id: str) -> StoredExport:
    with reading(engine) as conn:
        export = store.get_export(conn, export_id)
    if export is None or export.user_id != user_id:
        raise NotFound
    return export


def _view(export: StoredExport) -> ExportView:
    return ExportView(
        export_id=export.id,
        status=cast(ExportState, export.state),
        created_at=rfc3339(export.created_ms),
        finished_at=_time(export.finished_ms),
        expires_at=_time(export.expires_ms),
    )


def _time(ms: int | None) -> str | UnsetType:
    return UNSET if ms is None else rfc3339(ms)
