"""Queue ``media``: look at what was uploaded, store it, tell of it, remove it. Tasks take ids; run twice they do it
once (app/services/media/process_media.py), and one that is lost is asked for again (tasks/maintenance.py: sweep_media).
"""

from __future__ import annotations

import logging

from celery.exceptions import SoftTimeLimitExceeded
from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.redis_batch import EpochLostError
from app.services.media import announce_media, discard_media
from app.services.media.process_media import MediaWork
from app.services.metrics.media_metrics import MediaStats
from app.services.metrics.publish_metrics import publish_media
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import parley, process_name, worker_changes

log = logging.getLogger(__name__)

# Of this process since it began.
_stats = MediaStats()


@celery_app.task(name="tasks.process_media.process")  # type: ignore[untyped-decorator]
def process(media_id: str) -> None:
    """Ends with the medium ``ready`` or ``failed``; or put back, and asked for again. One that takes longer than the
    task may is taken up again when its lease has run out, and fails at the fourth time."""
    try:
        MediaWork(parley(), worker_changes(parley()), stopping=stopping, stats=_stats).run(media_id)
        publish_media(parley().redis, process_name("media"), _stats)
    except (Overloaded, RedisError, EpochLostError, SoftTimeLimitExceeded) as error:
        log.warning("media %s waits: %s", media_id, type(error).__name__)


@celery_app.task(name="tasks.process_media.announce")  # type: ignore[untyped-decorator]
def announce(media_id: str) -> None:
    try:
        announce_media.announce(parley().engine, worker_changes(parley()), media_id)
    except (Overloaded, RedisError, EpochLostError) as error:
        log.warning("media %s is not told of: %s", media_id, type(error).__name__)


@celery_app.task(name="tasks.process_media.discard")  # type: ignore[untyped-decorator]
def discard(media_id: str) -> None:
    try:
        discard_media.discard(parley(), media_id)
    except Overloaded as error:
        log.warning("the asset of media %s waits: %s", media_id, error.message)
