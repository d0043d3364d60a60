"""Remove the asset of a medium that is no more, or that failed and may be there in part. In a worker; safe to repeat.

An upload that was given up may still arrive: so an asset is removed once more ten minutes after the last attempt, and
only then is the row forgotten.
"""

from __future__ import annotations

import logging

from app.container import Container
from app.media.storage import StorageError
from app.services.media.media_storages import asset_of
from app.store import media as store
from app.store import media_sweep
from app.store.engine import reading, writing
from app.store.media_sweep import Due

log = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0


def discard(parley: Container, media_id: str) -> None:
    """Raise Overloaded where Postgres does not answer."""
    with reading(parley.engine) as conn:
        row = store.get(conn, media_id)
        at_work = row is not None and not media_sweep.is_idle(conn, media_id)
    if row is None or row.state not in ("deleting", "failed") or at_work:
        return
    storage = parley.media.keeping(row.storage)
    try:
        if storage is None:
            raise StorageError(f"{row.storage} is not this deployment's", PAUSE_SECONDS)
        storage.remove(asset_of(row))
    except StorageError as error:
        log.warning("the asset of media %s is not removed: %s", media_id, error.reason)
        with writing(parley.engine) as conn:
            media_sweep.retry_later(conn, Due(row.id, row.state), error.retry_after or PAUSE_SECONDS)
        return
    with writing(parley.engine) as conn:
        if row.state == "deleting":
            media_sweep.forget_removed(conn, media_id)
        else:
            media_sweep.schedule_expiry(conn, media_id, "failed")
