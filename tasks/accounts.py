"""Queue ``maintenance``: work for one account that takes longer than a request.

Tasks take ids and are safe to run twice. If a task is lost, tasks/maintenance.py (sweep_accounts) enqueues it again.
"""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.redis_calls import EpochLostError
from app.services.accounts.announce_profile import announce_profile as announce
from app.services.accounts.remove_account_data import Removal
from app.services.accounts.write_export import ExportWriter
from app.services.host.delete_conversation import erase_conversation as erase
from app.task_queue import enqueue_deletion, enqueue_erasure, enqueue_export
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import container, worker_changes

log = logging.getLogger(__name__)

EXPORT_DAYS = 7


@celery_app.task(name="tasks.accounts.export_user_data")  # type: ignore[untyped-decorator]
def export_user_data(export_id: str) -> None:
    """Ends with the export ``ready``. If it takes long, another task continues; after a day, the sweep marks the export
    ``failed``.
    """
    shared = container()
    seconds = EXPORT_DAYS * 86_400
    writer = ExportWriter(shared.engine, shared.store_reads, keep_seconds=seconds, stopping=stopping)
    try:
        if not writer.run(export_id):
            enqueue_export(export_id)
    except Overloaded as error:
        log.warning("retrying export %s: %s", export_id, error.message)


@celery_app.task(name="tasks.accounts.announce_profile")  # type: ignore[untyped-decorator]
def announce_profile(user_id: int) -> None:
    """Ends after one attempt: clients that miss an announcement see the profile when they resume."""
    shared = container()
    try:
        announce(user_id, engine=shared.engine, redis=shared.redis)
    except (Overloaded, RedisError) as error:
        log.warning("the new profile of user %d was not announced: %s", user_id, type(error).__name__)


@celery_app.task(name="tasks.accounts.delete_account")  # type: ignore[untyped-decorator]
def delete_account(user_id: int) -> None:
    """Ends with the deletion ``finished``. If it takes long, another task continues."""
    shared = container()
    changes = worker_changes(shared)
    removal = Removal(engine=shared.engine, shards=shared.shards, changes=changes, stopping=stopping)
    try:
        if not removal.run(user_id):
            enqueue_deletion(user_id, seconds=2)
    except (Overloaded, RedisError, EpochLostError) as error:
        log.warning("retrying the deletion of account %d: %s", user_id, type(error).__name__)


@celery_app.task(name="tasks.accounts.erase_conversation")  # type: ignore[untyped-decorator]
def erase_conversation(conversation_id: int) -> None:
    """Ends when the messages of a deleted conversation are erased. If it takes long, another task continues."""
    try:
        if not erase(conversation_id, engine=container().engine, stopping=stopping):
            enqueue_erasure(conversation_id, seconds=2)
    except Overloaded as error:
        log.warning("retrying the erasure of conversation %d: %s", conversation_id, error.message)
