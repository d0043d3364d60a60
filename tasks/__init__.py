"""The Celery application. Tasks are shells over ``app.services``; they take ids, and are safe to run twice.

Imports no Flask: a worker serves no requests.
"""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready

from app.logs import logging_config
from tasks import shutdown

celery_app = Celery("parley")
celery_app.config_from_object("celeryconfig")
celery_app.conf.imports = (
    "tasks.persist_messages",
    "tasks.send_push",
    "tasks.process_media",
    "tasks.maintenance",
    "tasks.accounts",
)
shutdown.install()


def _one_logger_for_all(**_: Any) -> None:
    logging.config.dictConfig(logging_config(production=os.environ.get("APP_ENV") == "production"))
    # Two or three lines for every task, at INFO, would drown the rest; failures are logged above it.
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(name).setLevel(logging.WARNING)


setup_logging.connect(_one_logger_for_all, weak=False)


def _look_at_once(**_: Any) -> None:
    """A worker's first look at the log, and its first sign of life, not up to a tick of the beat later."""
    celery_app.send_task("tasks.maintenance.wake_drain", expires=10)


worker_ready.connect(_look_at_once, weak=False)
