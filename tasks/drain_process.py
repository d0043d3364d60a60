"""Runs one drain without Celery, for the watcher of a log: ``python -m tasks.drain_process PARENT SHARD``.

It ends when the log has been empty for a while, on SIGTERM, and if its parent has died.
"""

from __future__ import annotations

import logging.config
import os
import sys

from app.logs import logging_config
from tasks import shutdown
from tasks.persist_messages import run_drain


def main() -> None:
    parent, shard = map(int, sys.argv[1:])
    logging.config.dictConfig(logging_config(production=os.environ.get("APP_ENV") == "production"))
    shutdown.stop_on_sigterm()
    run_drain(lambda: shutdown.stopping() or os.getppid() != parent, shard)


if __name__ == "__main__":
    main()
