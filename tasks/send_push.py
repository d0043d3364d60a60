"""Queue ``push``: one long-lived runner of push notifications (app/services/push/run_push.py). A task only wakes it.

The task imports the clients of push services: at import they would cost every worker half a second at its start.
"""

from __future__ import annotations

import logging
from collections import Counter

from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.config import ConfigError
from app.core.errors import Overloaded
from app.fanout import push_signal
from app.redis_connections import one_connection
from app.services.metrics.publish_metrics import publish_push
from app.store.engine import create_engine, reading
from app.store.pending_pushes import next_due_ms
from app.task_queue import wake_push
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import parley, process_name

log = logging.getLogger(__name__)

# It may wait longer for a commit than a person for an answer.
STORE_TIMEOUT_SECONDS = 10.0

# Over all runners of this process: counters that begin anew with each would look like restarts.
_counted: Counter[str] = Counter()


@celery_app.task(name="tasks.send_push.run")  # type: ignore[untyped-decorator]
def run() -> None:
    """Send what is owed, and go on while something is. Does nothing where a runner is at work already."""
    shared = parley()
    if push_signal.is_running(shared.redis):
        return
    engine = create_engine(shared.settings, timeout_seconds=STORE_TIMEOUT_SECONDS)
    try:
        if _run(engine):
            hand_over(engine)
    except ConfigError as error:
        log.error("no push notifications: %s", error)
    except (RedisError, Overloaded) as error:
        log.warning("the runner of push notifications ends: %s", type(error).__name__)
    finally:
        engine.dispose()


def _run(engine: Engine) -> bool:
    from app.services.push.push_providers import make_providers  # noqa: PLC0415
    from app.services.push.run_push import PushRunner  # noqa: PLC0415

    shared = parley()
    process = process_name("push")

    def alive() -> None:
        publish_push(shared.redis, process, _counted)

    redis = one_connection(shared.settings, timeout_seconds=5)
    providers = make_providers(shared.settings, engine, shared.redis)
    runner = PushRunner(engine, redis, providers, shared.settings, stopping=stopping, alive=alive, counted=_counted)
    try:
        ran = runner.run()
        alive()
        return ran
    finally:
        providers.close()
        redis.close()


def hand_over(engine: Engine) -> None:
    """A runner that was told to end may leave something: another one begins at once."""
    with reading(engine) as connection:
        due = next_due_ms(connection)
    if due is not None and due <= 0:
        wake_push()
