"""Queue ``maintenance``: what takes longer than a request to do for one account. Tasks take ids; run twice they do the
same, and one that is lost is asked for again (tasks/maintenance.py: sweep_accounts).
"""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.redis_batch import EpochLostError
from app.services.accounts.remove_account_data import Removal
from app.services.accounts.write_export import ExportWriter
from app.task_queue import ask_for_deletion, ask_for_export
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import parley, worker_changes

log = logging.getLogger(__name__)

EXPORT_DAYS = 7


@celery_app.task(name="tasks.accounts.export_user_data")  # type: ignore[untyped-decorator]
def export_user_data(export_id: str) -> None:
    """Ends with the export ``ready``. Where that takes long, another task goes on; after a day the sweep says
    ``failed``."""
    writer = ExportWriter(parley().engine, keep_seconds=EXPORT_DAYS * 86_400, stopping=stopping)
    try:
        if not writer.run(export_id):
            ask_for_export(export_id)
    except Overloaded as error:
        log.warning("export %s waits: %s", export_id, error.message)


@celery_app.task(name="tasks.accounts.delete_account")  # type: ignore[untyped-decorator]
def delete_account(user_id: int) -> None:
    """Ends with the deletion ``finished``. Where that takes long, another task goes on."""
    shared = parley()
    try:
        if not Removal(shared, worker_changes(shared), stopping=stopping).run(user_id):
            ask_for_deletion(user_id, seconds=2)
    except (Overloaded, RedisError, EpochLostError) as error:
        log.warning("deletion of account %d waits: %s", user_id, type(error).__name__)
