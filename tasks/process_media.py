"""Queue ``media``: processes, announces and discards media.

The tasks take ids and are safe to run twice (app/services/media/process_media.py). If one is lost, the sweep enqueues
it again (tasks/maintenance.py: sweep_media).
"""

from __future__ import annotations

import logging
import random

from celery.exceptions import SoftTimeLimitExceeded
from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.redis_calls import EpochLostError
from app.services.media import announce_media, discard_media
from app.services.media.media_stats import MediaStats
from app.services.media.process_media import MediaWork
from app.services.metrics.publish_metrics import publish_media
from tasks import celery_app
from tasks.media_slots import media_slot
from tasks.shutdown import stopping
from tasks.worker_process import container, process_name, worker_changes

log = logging.getLogger(__name__)

NO_SLOT_SECONDS = (1.0, 3.0)

# Counts since the start of this process.
_stats = MediaStats()


@celery_app.task(name="tasks.process_media.process")  # type: ignore[untyped-decorator]
def process(media_id: str) -> None:
    """Makes the medium ``ready`` or ``failed``, or requeues it.

    If the task exceeds its time limit, the sweep enqueues the medium again once its lease expires. The fourth such try
    fails. If this worker has no slot for media, the medium waits a moment.
    """
    with media_slot(container().settings.shards) as is_free:
        if is_free:
            _process(media_id)
        else:
            process.apply_async((media_id,), countdown=random.uniform(*NO_SLOT_SECONDS))


def _process(media_id: str) -> None:
    shared = container()
    try:
        MediaWork(
            engine=shared.engine,
            storages=shared.media,
            settings=shared.settings,
            changes=worker_changes(shared),
            stopping=stopping,
            stats=_stats,
        ).run(media_id)
        publish_media(shared.redis, process_name("media"), _stats.snapshot())
    except (Overloaded, RedisError, EpochLostError, SoftTimeLimitExceeded) as error:
        log.warning("media %s is left to the sweep: %s", media_id, type(error).__name__)


@celery_app.task(name="tasks.process_media.process_avatar")  # type: ignore[untyped-decorator]
def process_avatar(avatar_id: str) -> None:
    """Makes the avatar ``ready`` or ``failed``, or leaves it to the sweep."""
    from app.services.accounts import process_avatar as avatars  # noqa: PLC0415 - with requests, 3 MiB

    shared = container()
    try:
        fetcher = avatars.AvatarFetcher(redis=shared.redis, loopback=shared.settings.push_loopback)
        avatars.process_avatar(avatar_id, engine=shared.engine, fetch=fetcher.fetch)
    except (Overloaded, RedisError, SoftTimeLimitExceeded) as error:
        log.warning("avatar %s is left to the sweep: %s", avatar_id, type(error).__name__)


@celery_app.task(name="tasks.process_media.announce")  # type: ignore[untyped-decorator]
def announce(media_id: str) -> None:
    try:
        announce_media.announce(container().engine, worker_changes(container()), media_id)
    except (Overloaded, RedisError, EpochLostError) as error:
        log.warning("media %s was not announced: %s", media_id, type(error).__name__)


@celery_app.task(name="tasks.process_media.discard")  # type: ignore[untyped-decorator]
def discard(media_id: str) -> None:
    try:
        discard_media.discard(media_id, engine=container().engine, storages=container().media)
    except Overloaded as error:
        log.warning("the asset of media %s is left to the sweep: %s", media_id, error.message)
