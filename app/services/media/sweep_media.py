"""Look after media that nobody works at: what a lost task, a dead process, a deletion or nobody's interest has left."""

from __future__ import annotations

from sqlalchemy import Engine

from app.store import media as store
from app.store import media_sweep
from app.store.engine import reading, writing
from app.store.media_sweep import Due
from app.task_queue import enqueue_announcement, enqueue_discard, enqueue_processing

# A task that was asked for is given so long before it is asked for again.
PAUSE_SECONDS = 30.0


def sweep_media(engine: Engine) -> None:
    """Safe to run at any time, and twice at once. Raise Overloaded."""
    with reading(engine) as conn:
        due = media_sweep.find_due(conn)
        untold = media_sweep.unannounced(conn)
    for item in due:
        _attend_to(engine, item)
    for media_id in untold:
        enqueue_announcement(media_id)


def _attend_to(engine: Engine, item: Due) -> None:
    if item.state == "receiving":
        with writing(engine) as conn:
            store.forget(conn, item.id, "receiving")
    elif item.state == "awaiting" or _nobody_named(engine, item):
        with writing(engine) as conn:
            store.begin_deletion(conn, [item.id])
        enqueue_discard(item.id)
    elif item.state == "ready":
        with writing(engine) as conn:
            media_sweep.schedule_expiry(conn, item.id, "ready")
    else:
        with writing(engine) as conn:
            still = media_sweep.postpone(conn, item, PAUSE_SECONDS)
        if still:
            (enqueue_processing if item.state == "processing" else enqueue_discard)(item.id)


def _nobody_named(engine: Engine, item: Due) -> bool:
    with reading(engine) as conn:
        return item.state in ("ready", "failed") and media_sweep.is_expired(conn, item.id)
