"""Queue ``persistence``: one long-lived drain of each log (app/services/drain/store_log.py). A task only wakes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from celery.exceptions import SoftTimeLimitExceeded
from redis import Redis
from redis.exceptions import RedisError

from app.fanout.runner_signal import RunnerSignal, push_signal, webhook_signal
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.message_log.workers import heartbeat
from app.redis_connections import one_connection
from app.services.drain.store_log import BLOCK_MS, Drain
from app.services.drain.store_records import DrainStats
from app.services.metrics.publish_metrics import publish_drain
from app.store.connections import WORKER_SECONDS
from app.store.engine import create_engine
from app.task_queue import wake_drain, wake_push, wake_webhooks
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import NAME, container, process_name

log = logging.getLogger(__name__)

WAKE_EVERY_SECONDS = 0.5
# A drain waits this long for Redis. After that, beat or the next append starts another one.
OUTAGE_SECONDS = 60.0

# Counts over all drains of this process. Counters that start at zero with each drain would look like restarts.
_stats = DrainStats()


class Waker:
    """Wakes a runner, or has ``enqueue`` start one at most twice a second. Called after each batch with work for it.

    If a wake-up is lost, the sweep starts a runner.
    """

    def __init__(self, redis: Redis, signal: RunnerSignal, enqueue: Callable[[], None]) -> None:
        self._redis = redis
        self._signal = signal
        self._enqueue = enqueue
        self._enqueued = 0.0

    def __call__(self) -> None:
        try:
            running = self._signal.poke(self._redis)
        except RedisError as error:
            log.warning("cannot wake a runner: %s", type(error).__name__)
            return
        now = time.monotonic()
        if not running and now - self._enqueued > WAKE_EVERY_SECONDS:
            self._enqueued = now
            self._enqueue()


def hand_over(shard: Shard) -> None:
    """Starts another drain if this one left records because it had to stop."""
    if shard.redis.xlen(shard.keys.log) and not shard.redis.exists(shard.keys.lease):
        wake_drain(shard.part.number)


@celery_app.task(name="tasks.persist_messages.drain")  # type: ignore[untyped-decorator]
def drain(number: int = 0) -> None:
    """Stores the records of a shard's log until it is empty. Does nothing if another drain of it is active."""
    run_drain(stopping, number)


def run_drain(stopping: Callable[[], bool], number: int = 0) -> None:
    """Does the work of ``drain``, in a task or in a process of its own (tasks/drain_process.py)."""
    shared = container()
    settings = shared.settings
    engine = create_engine(settings, timeout_seconds=WORKER_SECONDS)
    redis = one_connection(settings, number, timeout_seconds=BLOCK_MS / 1000 + 5)
    shard = shared.shards[number].over(redis)

    def alive(stats: DrainStats) -> None:
        try:
            heartbeat(shared.redis, NAME)
            publish_drain(shared.redis, process_name(), stats.snapshot())
        except RedisError:
            if not number:  # other shards may have their logs in another Redis, so their drains go on
                raise

    pooled = LogReader(shared.shards[number])
    worker = Drain(
        LogReader(shard),
        engine,
        batch=settings.drain_batch,
        linger_seconds=settings.drain_linger_seconds,
        lease_seconds=settings.drain_lease_seconds,
        stopping=stopping,
        alive=alive,
        renew=lambda token, seconds: pooled.renew(token, seconds, take=False),
        stats=_stats,
        pushes_pending=Waker(shared.redis, push_signal, wake_push),
        events_fed=Waker(shared.redis, webhook_signal, wake_webhooks),
        not_the_records=(SoftTimeLimitExceeded,),
    )
    try:
        if worker.run_through_outages(OUTAGE_SECONDS):
            alive(worker.stats)
            hand_over(shard)
    except RedisError as error:
        log.warning("the drain ends: the connection to Redis was lost (%s)", type(error).__name__)
    finally:
        engine.dispose()
        redis.close()
