"""Finds media that need work: after a lost task, a dead process or a deletion, or because no message names them."""

from __future__ import annotations

from sqlalchemy import Engine

from app.store import media as store
from app.store import media_rows, media_sweep
from app.store.engine import reading, writing
from app.store.media_sweep import Due
from app.task_queue import enqueue_announcement, enqueue_discard, enqueue_processing

# The sweep enqueues a task again if it has not finished after this time.
RETRY_SECONDS = 30.0


def sweep_media(engine: Engine) -> None:
    """Handles all media that are due. Safe to run at any time and concurrently. Raises Overloaded."""
    with reading(engine) as conn:
        due = media_sweep.find_due(conn)
        unannounced = media_sweep.unannounced(conn)
    for item in due:
        _handle(engine, item)
    for media_id in unannounced:
        enqueue_announcement(media_id)


def _handle(engine: Engine, item: Due) -> None:
    if item.state == "receiving":
        with writing(engine) as conn:
            store.forget(conn, item.id, "receiving")
    elif item.state == "awaiting" or _is_unused(engine, item):
        with writing(engine) as conn:
            media_rows.begin_deletion(conn, [item.id])
        enqueue_discard(item.id)
    elif item.state == "ready":
        with writing(engine) as conn:
            media_sweep.schedule_expiry(conn, item.id, "ready")
    else:
        with writing(engine) as conn:
            still = media_sweep.postpone(conn, item, RETRY_SECONDS)
        if still:
            (enqueue_processing if item.state == "processing" else enqueue_discard)(item.id)


def _is_unused(engine: Engine, item: Due) -> bool:
    """Returns True if no message named the medium within a day."""
    with reading(engine) as conn:
        return item.state in ("ready", "failed") and media_sweep.is_expired(conn, item.id)
