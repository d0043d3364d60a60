"""Queue ``maintenance``: fills the search index (app/services/indexing/index_messages.py)."""

from __future__ import annotations

import time

from app.message_log.stored_upto import stored_upto
from app.services.indexing.index_messages import Indexer, read_lag
from app.services.metrics.publish_metrics import publish_search
from app.store.engine import reading
from app.store.epochs import read_epoch
from tasks.low_priority import at_low_priority
from tasks.shutdown import stopping
from tasks.sweeps import sweep
from tasks.worker_process import container

# Below the time limit of tasks. Beat starts the next run.
RUN_SECONDS = 40.0
# The lowest priority. If the kernel groups processes by session, a priority counts only within the group; then, the
# rests of the indexer leave the processor to the messages.
NICENESS = 19


@sweep("index_messages")
def index_messages() -> None:
    """Indexes the messages that were stored since the last run. Does nothing if another indexer is at work."""
    at_low_priority(_index, NICENESS)


def _index() -> None:
    shared = container()
    with reading(shared.engine) as conn:
        epochs = [read_epoch(conn, shard.part).number for shard in shared.shards]
    indexer = Indexer(
        engine=shared.engine,
        stored_version=lambda: stored_upto(shared.shards, epochs),
        stopping=stopping,
        rest=time.sleep,
    )
    indexer.run(RUN_SECONDS)
    with reading(shared.engine) as conn:
        lag = read_lag(conn, now=time.time())
    publish_search(shared.redis, lag.messages, lag.seconds, backfilling=lag.backfilling)
