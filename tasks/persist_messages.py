"""Queue ``persistence``: one long-lived drain of the log (app/services/drain/store_log.py). A task only wakes it."""

from __future__ import annotations

import logging
import time

from redis import Redis
from redis.exceptions import RedisError

from app.fanout import push_signal
from app.message_log import keys
from app.message_log.reader import LogReader
from app.message_log.workers import heartbeat
from app.redis_connections import one_connection
from app.services.drain.store_log import BLOCK_MS, Drain, DrainStats
from app.services.metrics.publish_metrics import publish_drain
from app.store.engine import create_engine
from app.task_queue import wake_drain, wake_push
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import NAME, parley, process_name

log = logging.getLogger(__name__)

# A drain may wait longer for a commit than a person for an answer.
STORE_TIMEOUT_SECONDS = 10.0
ASK_PUSH_EVERY_SECONDS = 0.5

# Over all drains of this process: counters that begin anew with each drain would look like restarts.
_stats = DrainStats()


class PushWaker:
    """Called after a batch by which devices are owed something: wakes the runner, or has one begin, at most twice a
    second. A hint: the sweep looks as well."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._asked = 0.0

    def __call__(self) -> None:
        try:
            running = push_signal.poke(self._redis)
        except RedisError as error:
            log.warning("the runner of push notifications is not woken: %s", type(error).__name__)
            return
        now = time.monotonic()
        if not running and now - self._asked > ASK_PUSH_EVERY_SECONDS:
            self._asked = now
            wake_push()


def hand_over(redis: Redis) -> None:
    """A drain that was told to end may leave something: another one begins at once."""
    if redis.xlen(keys.LOG) and not redis.exists(keys.LEASE):
        wake_drain()


@celery_app.task(name="tasks.persist_messages.drain")  # type: ignore[untyped-decorator]
def drain() -> None:
    """Store what is in the log, and go on while something comes. Does nothing where a drain is at work already."""
    shared = parley()
    settings = shared.settings
    engine = create_engine(settings, timeout_seconds=STORE_TIMEOUT_SECONDS)
    redis = one_connection(settings, timeout_seconds=BLOCK_MS / 1000 + 5)

    def alive(stats: DrainStats) -> None:
        heartbeat(shared.redis, NAME)
        publish_drain(shared.redis, process_name(), stats.snapshot())

    worker = Drain(
        LogReader(redis),
        engine,
        batch=settings.drain_batch,
        linger_seconds=settings.drain_linger_seconds,
        lease_seconds=settings.drain_lease_seconds,
        stopping=stopping,
        alive=alive,
        stats=_stats,
        owed=PushWaker(shared.redis),
    )
    try:
        if worker.run():
            alive(worker.stats)
            hand_over(redis)
    except RedisError as error:
        log.warning("the drain ends: Redis went away (%s)", type(error).__name__)
    finally:
        engine.dispose()
        redis.close()
