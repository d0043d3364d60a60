"""Checks the number of shards again in a worker that runs: at its start, Postgres may have been away, or the number was
just being raised.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from app.config import ConfigError, Settings, read_settings
from app.shard_check import AGAIN_SECONDS, check_shard_count


def check_in_thread() -> None:
    """Checks after a while, and again until Postgres answers. If the number differs, the worker ends."""
    threading.Thread(target=_check, args=(read_settings(),), name="shard-count", daemon=True).start()


def _check(settings: Settings) -> None:
    try:
        time.sleep(AGAIN_SECONDS)
        while not check_shard_count(settings):
            time.sleep(AGAIN_SECONDS)
    except ConfigError as error:
        print(error.report(), file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
