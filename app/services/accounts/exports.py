"""Take one's own data along: ask for the file, see how it goes, read it. Nobody else's export exists for anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from msgspec import UNSET, UnsetType

from app.core.accounts import ExportState, ExportView
from app.core.errors import NotFound, Unauthorized
from app.core.times import rfc3339
from app.store import exports as store
from app.store.engine import reading, writing
from app.store.exports import StoredExport
from app.task_queue import ask_for_export

if TYPE_CHECKING:
    from app.container import Container


class ExportFile(NamedTuple):
    """``pieces`` may be read once; ``size`` is their length in bytes."""

    pieces: Iterator[bytes]
    size: int


def begin_export(parley: Container, user_id: int) -> ExportView:
    """The one that is in the making, or a new one, which takes the place of older ones. Raise Overloaded."""
    with writing(parley.engine) as conn:
        export = store.begin_export(conn, user_id)
    if export is None:
        raise Unauthorized("The user does not exist any more.")
    ask_for_export(export.id)
    return _view(export)


def show_export(parley: Container, user_id: int, export_id: str) -> ExportView:
    """Raise NotFound where the user has no such export, or not any more."""
    return _view(_find(parley, user_id, export_id))


def read_export(parley: Container, user_id: int, export_id: str) -> ExportFile:
    """Raise NotFound as ``show_export``, and where it is not ready."""
    if _find(parley, user_id, export_id).state != "ready":
        raise NotFound("The export is not ready.")
    with reading(parley.engine) as conn:
        size = store.size_of(conn, export_id)
    return ExportFile(store.read_pieces(parley.engine, export_id), size)


def _find(parley: Container, user_id: int, export_id: str) -> StoredExport:
    with reading(parley.engine) as conn:
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
