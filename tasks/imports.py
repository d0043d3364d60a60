"""Queue ``maintenance``: imports of the host's server. A task works for a while, then another one continues.

If a task is lost or its worker dies, tasks/maintenance.py (sweep_imports) enqueues it again.
"""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.redis_calls import EpochLostError
from app.services.imports.check_lines import Limits
from app.services.imports.live import LiveMessages
from app.services.imports.run_import import ImportRunner
from app.task_queue import enqueue_import
from tasks import celery_app
from tasks.low_priority import at_low_priority
from tasks.shutdown import stopping
from tasks.worker_process import container, worker_appends, worker_changes

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0


@celery_app.task(name="tasks.imports.run_import")  # type: ignore[untyped-decorator]
def run_import(import_id: str) -> None:
    """Ends with the import ``done`` or ``failed``, or with another task that continues."""
    shared = container()
    settings = shared.settings
    live = LiveMessages(
        redis=shared.redis, shards=shared.shards, append=worker_appends(shared), change=worker_changes(shared)
    )
    runner = ImportRunner(
        engine=shared.engine,
        shards=shared.shards,
        live=live,
        limits=Limits(settings.max_text, settings.max_group_members, settings.strict_requests),
        visible=settings.presence_visible,
        dedupe_seconds=settings.dedupe_seconds,
        stopping=stopping,
    )
    try:
        if not at_low_priority(lambda: runner.run(import_id)):
            enqueue_import(import_id)
    except (Overloaded, RedisError, EpochLostError) as error:
        log.warning("retrying import %s: %s", import_id, type(error).__name__)
        enqueue_import(import_id, seconds=RETRY_SECONDS)
