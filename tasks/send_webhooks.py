"""Queue ``webhooks``: one long-lived webhook runner (app/services/webhooks/run_webhooks.py). A task only wakes it."""

from __future__ import annotations

import logging
from collections import Counter

from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.fanout.runner_signal import webhook_signal
from app.redis_connections import one_connection
from app.services.metrics.publish_metrics import publish_webhooks
from app.services.webhooks.run_webhooks import WebhookRunner
from app.services.webhooks.send_webhooks import THREADS
from app.services.webhooks.webhook_sender import WebhookSender, private_hosts
from app.store.connections import WORKER_SECONDS
from app.store.engine import create_engine, reading
from app.store.webhook_queue import next_due_ms
from app.task_queue import wake_webhooks
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import container, process_name

log = logging.getLogger(__name__)

# Counts over all runners of this process. Counters that start at zero with each runner would look like restarts.
_counted: Counter[str] = Counter()


@celery_app.task(name="tasks.send_webhooks.run")  # type: ignore[untyped-decorator]
def run() -> None:
    """Delivers events until none is due soon. Does nothing if another runner is active."""
    shared = container()
    if webhook_signal.is_running(shared.redis):
        return
    engine = create_engine(shared.settings, timeout_seconds=WORKER_SECONDS)
    try:
        if _run(engine):
            _hand_over(engine)
    except (RedisError, Overloaded) as error:
        log.warning("the webhook runner ends: %s", type(error).__name__)
    finally:
        engine.dispose()


def _run(engine: Engine) -> bool:
    shared = container()
    process = process_name("webhooks")

    def alive() -> None:
        publish_webhooks(shared.redis, process, _counted)

    signals = one_connection(shared.settings, timeout_seconds=5)
    sender = WebhookSender(private_hosts(shared.settings), connections=THREADS)
    runner = WebhookRunner(engine, shared.redis, signals, sender, stopping=stopping, alive=alive, counted=_counted)
    try:
        ran = runner.run()
        alive()
        return ran
    finally:
        sender.close()
        signals.close()


def _hand_over(engine: Engine) -> None:
    """Starts another runner if this one left due deliveries because it had to stop."""
    with reading(engine) as conn:
        due = next_due_ms(conn)
    if due is not None and due <= 0:
        wake_webhooks()
