"""The Celery application. Tasks are thin shells around ``app.services``. They take ids and are safe to run twice.

Nothing here imports Flask: a worker serves no requests.
"""

from __future__ import annotations

import contextlib
import gc
import logging.config
import os
import sys
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_before_create_process, worker_init, worker_ready

from app.config import CONFIG_EXIT_STATUS, ConfigError, Settings, read_settings
from app.logs import logging_config
from app.redis_check import check_redis_addresses
from tasks import shutdown

# Not the current application: in a process of a host, that is the host's own.
celery_app = Celery("parley", set_as_current=False)
celery_app.config_from_object("celeryconfig")
celery_app.conf.imports = (
    "tasks.persist_messages",
    "tasks.send_push",
    "tasks.send_webhooks",
    "tasks.process_media",
    "tasks.index_messages",
    "tasks.maintenance",
    "tasks.accounts",
    "tasks.imports",
    "tasks.mail",
)
celery_app.steps["worker"].update(("tasks.log_watcher:LogWatcher", "tasks.pool_growth:PoolGrowth"))
shutdown.install()


def _one_logger_for_all(**_: Any) -> None:
    logging.config.dictConfig(logging_config(production=os.environ.get("APP_ENV") == "production"))
    # At INFO, these loggers write two or three lines per task. Failures are logged at a higher level.
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(name).setLevel(logging.WARNING)


setup_logging.connect(_one_logger_for_all, weak=False)


def _check_settings(**_: Any) -> None:
    """Ends a worker at its start if it cannot be configured. Otherwise every task would fail."""
    from app.shard_check import check_shard_count  # noqa: PLC0415 - beat does not keep it in its memory

    try:
        settings = read_settings()
        check_redis_addresses(settings)
        check_shard_count(settings)
        _check_in_child(lambda: _build_everything(settings))
    except ConfigError as error:
        print(error.report(), file=sys.stderr, flush=True)
        sys.exit(CONFIG_EXIT_STATUS)


def _build_everything(settings: Settings) -> None:
    """Also raises ConfigError for settings that only web processes need."""
    from app.bootstrap import build_container  # noqa: PLC0415 - tasks need less

    build_container(settings).close()


worker_init.connect(_check_settings, weak=False)


def _check_beat(**_: Any) -> None:
    """Ends beat at its start if its broker cannot be one, or if the installation has another number of shards."""
    try:
        settings = read_settings()
        _check_in_child(lambda: _check_shards(settings))
        check_redis_addresses(settings)
    except ConfigError as error:
        print(error.report(), file=sys.stderr, flush=True)
        sys.exit(CONFIG_EXIT_STATUS)


def _check_shards(settings: Settings) -> None:
    from app.shard_check import check_shard_count  # noqa: PLC0415 - beat does not keep it in its memory

    check_shard_count(settings)


def _check_in_child(check: Callable[[], None]) -> None:
    """Exits if the check fails. It runs in a child process, because this process would keep the imports of the check in
    its memory. Called before this process has a thread.
    """
    child = os.fork()
    if not child:
        os._exit(_status(check))
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == CONFIG_EXIT_STATUS:
        sys.exit(CONFIG_EXIT_STATUS)


def _status(check: Callable[[], None]) -> int:
    """Returns the exit status of the check, whose line is printed."""
    try:
        check()
    except ConfigError as error:
        print(error.report(), file=sys.stderr, flush=True)
        return CONFIG_EXIT_STATUS
    except BaseException:  # noqa: BLE001 - the child must not go on as a second server
        return 1
    return 0


beat_init.connect(_check_beat, weak=False)


def _wake_drain_at_start(**_: Any) -> None:
    """Sends the worker's first heartbeat and starts a drain if needed, without waiting for the next tick of beat."""
    celery_app.send_task("tasks.maintenance.wake_drain", expires=10)


def _check_shards_again(**_: Any) -> None:
    from tasks.shard_count import check_in_thread  # noqa: PLC0415 - beat does not need it

    check_in_thread()


worker_ready.connect(_wake_drain_at_start, weak=False)
worker_ready.connect(_check_shards_again, weak=False)


def _share_memory_with_children(**_: Any) -> None:
    """Keeps the pages of all that is loaded so far shared by the pool processes: a collection in one of them would
    write to every object.
    """
    from billiard.util import get_pdeathsig  # noqa: PLC0415 - beat does not need them
    from sqlalchemy.orm import configure_mappers  # noqa: PLC0415

    configure_mappers()  # otherwise loaded at the first query of each pool process
    with contextlib.suppress(OSError):  # not on Linux
        get_pdeathsig()  # loads the C parser that each of them needs at its start
    gc.collect()
    gc.freeze()


worker_before_create_process.connect(_share_memory_with_children, weak=False)
