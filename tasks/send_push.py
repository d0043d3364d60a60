"""Queue ``push``: one long-lived push runner (app/services/push/run_push.py). A task only wakes it.

The clients of push services are imported when the runner makes its providers. At the start of a worker they would cost
half a second.
"""

from __future__ import annotations

import logging
from collections import Counter

from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.config import ConfigError
from app.core.errors import Overloaded
from app.fanout.runner_signal import push_signal
from app.redis_connections import one_connection
from app.services.metrics.publish_metrics import publish_push
from app.services.push.push_providers import make_providers
from app.services.push.run_push import PushRunner
from app.store.connections import WORKER_SECONDS
from app.store.engine import create_engine, reading
from app.store.pending_pushes import next_due_ms
from app.task_queue import wake_push
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import container, process_name

log = logging.getLogger(__name__)

# Counts over all runners of this process. Counters that start at zero with each runner would look like restarts.
_counted: Counter[str] = Counter()


@celery_app.task(name="tasks.send_push.run")  # type: ignore[untyped-decorator]
def run() -> None:
    """Sends pending notifications until none is left. Does nothing if another runner is active."""
    shared = container()
    if push_signal.is_running(shared.redis):
        return
    engine = create_engine(shared.settings, timeout_seconds=WORKER_SECONDS)
    try:
        if _run(engine):
            hand_over(engine)
    except ConfigError as error:
        log.error("push notifications are off: %s", error)
    except (RedisError, Overloaded) as error:
        log.warning("the push runner ends: %s", type(error).__name__)
    finally:
        engine.dispose()


def _run(engine: Engine) -> bool:

    shared = container()
    process = process_name("push")

    def alive() -> None:
        publish_push(shared.redis, process, _counted)

    redis = one_connection(shared.settings, timeout_seconds=5)
    providers = make_providers(shared.push, shared.redis)
    runner = PushRunner(engine, redis, providers, shared.settings, stopping=stopping, alive=alive, counted=_counted)
    try:
        ran = runner.run()
        alive()
        return ran
    finally:
        providers.close()
        redis.close()


def hand_over(engine: Engine) -> None:
    """Starts another runner if this one left due rows because it had to stop."""
    with reading(engine) as connection:
        due = next_due_ms(connection)
    if due is not None and due <= 0:
        wake_push()
