"""Queue ``maintenance``: fills the search index (app/services/indexing/index_messages.py)."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

from app.message_log.confirmations import stored_version
from app.services.indexing.index_messages import Indexer, read_lag
from app.services.metrics.publish_metrics import publish_search
from app.store.engine import reading
from app.store.epochs import read_epoch
from tasks.shutdown import stopping
from tasks.sweeps import sweep
from tasks.worker_process import container

# Below the time limit of tasks. Beat starts the next run.
RUN_SECONDS = 40.0
# The indexer takes the time that nobody else wants. If the kernel groups processes by session, a priority counts only
# within the group; then, its rests leave the processor to the messages.
NICE = 19


@sweep("index_messages")
def index_messages() -> None:
    """Indexes the messages that were stored since the last run. Does nothing if another indexer is at work."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            _be_nice()
            _index()
        except BaseException as error:  # noqa: BLE001 - raised in the task
            failed.append(error)

    # Only a thread can lower its priority without keeping it low for the next task of this process.
    thread = threading.Thread(target=run, name="indexer")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def _be_nice() -> None:
    with suppress(OSError):  # not Linux: there, the whole process would get the priority
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _index() -> None:
    shared = container()
    with reading(shared.engine) as conn:
        epoch = read_epoch(conn).number
    indexer = Indexer(
        engine=shared.engine,
        stored_version=lambda: stored_version(shared.redis, epoch),
        stopping=stopping,
        rest=time.sleep,
    )
    indexer.run(RUN_SECONDS)
    with reading(shared.engine) as conn:
        lag = read_lag(conn, now=time.time())
    publish_search(shared.redis, lag.messages, lag.seconds, backfilling=lag.backfilling)
