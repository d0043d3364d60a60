"""Removes the asset of a deleted medium, or of a failed one that may be stored in part. In a worker; safe to repeat.

An upload to the storage that we gave up on may still arrive. The asset is therefore removed once more, ten minutes
after the last attempt, and only then is the row deleted.
"""

from __future__ import annotations

import logging

from sqlalchemy import Engine

from app.media.storage import StorageError
from app.services.media.media_storages import MediaStorages, asset_of
from app.store import media as store
from app.store import media_sweep
from app.store.engine import reading, writing
from app.store.media_sweep import Due

log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0


def discard(media_id: str, *, engine: Engine, storages: MediaStorages) -> None:
    """Raises Overloaded if Postgres does not answer."""
    with reading(engine) as conn:
        row = store.get(conn, media_id)
        at_work = row is not None and not media_sweep.is_idle(conn, media_id)
    if row is None or row.state not in ("deleting", "failed") or at_work:
        return
    storage = storages.get(row.storage)
    try:
        if storage is None:
            raise StorageError(f"storage {row.storage!r} is not configured", RETRY_SECONDS)
        storage.remove(asset_of(row))
    except StorageError as error:
        log.warning("cannot remove the asset of media %s: %s", media_id, error.reason)
        with writing(engine) as conn:
            media_sweep.retry_later(conn, Due(row.id, row.state), error.retry_after or RETRY_SECONDS)
        return
    with writing(engine) as conn:
        if row.state == "deleting":
            media_sweep.forget_removed(conn, media_id)
        else:
            media_sweep.schedule_expiry(conn, media_id, "failed")
