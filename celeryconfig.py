"""Celery: queues, routes, limits and the beat schedule. Each line says why.

The log in Redis is the outbox (docs/message-path.md). A task here is a hint that there is work: every task
may be lost, late or run twice, and a sweep of the beat finds what was left. Measurements are of Celery 5.7
on Redis.
"""

from __future__ import annotations

import ssl
import sys
from urllib.parse import parse_qs, urlsplit

from celery.schedules import crontab
from kombu import Exchange, Queue

from app.config import ConfigError, Settings

try:
    _settings = Settings.from_env()
except ConfigError as error:
    sys.exit(f"parley: {error}")


def _broker_url(url: str) -> str:
    """kombu names Redis on a unix socket differently from redis-py, which reads REDIS_URL."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}?virtual_host={parse_qs(parts.query).get('db', ['0'])[0]}"


# --- Broker
broker_url = _broker_url(_settings.broker_url)
_on_redis = urlsplit(broker_url).scheme in ("redis", "rediss", "redis+socket")

if urlsplit(broker_url).scheme == "rediss":
    # Without it kombu does not verify at all, and says nothing. A provider with a self-signed chain needs
    # REDIS_TLS_VERIFY=0, which then holds for redis-py and the broker alike.
    broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED if _settings.redis_tls_verify else ssl.CERT_NONE}

# A worker that starts before its broker waits for it, and goes on trying after an outage of any length
# (default: 100).
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# Publishing from within a task: fail after 5 s instead of waiting for ever (default) where the pool is used
# up.
broker_pool_acquire_timeout = 5
broker_pool_limit = 4

if _on_redis:
    broker_transport_options = {
        # What an unacknowledged task waits until it is delivered again. Longer than the longest time limit
        # below, or it runs twice while it still runs; the default hour is how long a task of a killed
        # worker would be gone.
        "visibility_timeout": 180,
        # Default: for ever. A Redis that hangs must look like one that is gone. Above the 1 s of kombu's
        # BRPOP.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        # A half-open connection is noticed after this many silent seconds (default 25).
        "health_check_interval": 10,
    }
    # A task leaves Redis when a process is free for it: none waits inside a busy worker while another idles.
    worker_disable_prefetch = True

# --- Tasks
# Ids and small records only. pickle would let whoever writes to the broker run code here.
task_serializer = "json"
accept_content = ["json"]
# Nobody reads results: they would be a key in Redis for a day, each.
task_ignore_result = True
result_backend = None
# Acknowledge after the work. By itself this still loses the task of a killed pool process, hence the next
# line.
task_acks_late = True
# 5.7: counts as a retry, so that a task that kills its process stops after max_retries
# (task_reject_on_worker_lost requeued it for ever).
task_retry_on_worker_lost = True
task_annotations = {
    "*": {"max_retries": 3, "default_retry_delay": 5},
    # Only a wake-up, and long-lived: redelivering it would start a second drain that finds the lease taken.
    # It ends by itself, and its limit is for the case that it does not.
    "tasks.persist_messages.drain": {
        "acks_late": False,
        "retry_on_worker_lost": False,
        "soft_time_limit": 3600,
        "time_limit": 3630,
    },
    # A video of 100 MB goes to its storage at 1 MB/s and more; below the visibility timeout still.
    "tasks.process_media.process": {"soft_time_limit": 150, "time_limit": 170},
    "tasks.send_push.run": {
        "acks_late": False,
        "retry_on_worker_lost": False,
        "soft_time_limit": 3600,
        "time_limit": 3630,
    },
}
# Below the visibility timeout. The soft limit raises in the task, the hard one kills its process.
task_soft_time_limit = 60
task_time_limit = 90

# --- Queues: one per kind of work, so that a deployment may give each its own workers (WORKER_QUEUES).
task_default_queue = "maintenance"
# Each bound by its own name: without a routing key all would get that of the default queue.
_exchange = Exchange("parley", type="direct")
task_queues = [Queue(name, _exchange, routing_key=name) for name in ("persistence", "push", "media", "maintenance")]
task_create_missing_queues = False  # a misspelt queue is an error, not a queue that nobody reads
task_routes = {
    "tasks.persist_messages.*": {"queue": "persistence"},
    "tasks.send_push.*": {"queue": "push"},
    "tasks.process_media.*": {"queue": "media"},
    "tasks.maintenance.*": {"queue": "maintenance"},
    "tasks.accounts.*": {"queue": "maintenance"},
}

# --- Worker
# Prefork, unpatched: a task may use the CPU or block in C without stopping others. The Procfile gives the
# number of processes: a drain occupies one for as long as messages come, so at least 2.
worker_pool = "prefork"
worker_prefetch_multiplier = 1
# A leak in a library ends with its process; about a day at one task a second.
worker_max_tasks_per_child = 10_000
# Countdowns live in the worker's memory, unacknowledged: never more than this many.
worker_eta_task_limit = 1000
# No remote control: one connection and one subscription fewer per worker, and no `shutdown` for whoever
# reaches Redis. (--without-gossip, --without-mingle, --without-heartbeat in the Procfile: worker-to-worker
# events nobody reads.)
worker_enable_remote_control = False
worker_send_task_events = False
# The logger is ours (tasks/__init__.py), with credentials blanked out.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
# A connection lost while a task runs: the task goes on, and its repetition finds the work done.
worker_cancel_long_running_tasks_on_connection_loss = False
# SIGTERM: tasks/shutdown.py tells running tasks to end, waits for them, and hands back what has not ended
# after 15 s. Celery's own soft shutdown sleeps its whole timeout, however soon the tasks are done.
worker_soft_shutdown_timeout = 0.0

# --- Beat: one process. Its schedule is in memory: no file to be written, or found corrupt.
beat_scheduler = "celery.beat:Scheduler"
beat_max_loop_interval = 2
timezone = "UTC"
# "expires": while no worker runs, ticks must not pile up.
beat_schedule = {
    "wake-drain": {
        "task": "tasks.maintenance.wake_drain",
        "schedule": 3.0,
        "options": {"expires": 3.0},
    },
    # Notifications whose wake-up was lost, and how many are owed.
    "wake-push": {
        "task": "tasks.maintenance.wake_push",
        "schedule": 3.0,
        "options": {"expires": 3.0},
    },
    "sweep-push": {
        "task": "tasks.maintenance.sweep_push",
        "schedule": crontab(minute="37"),
        "options": {"expires": 1800.0},
    },
    # So old may lastSeen be in Postgres; Redis has it at once.
    "move-last-seen": {
        "task": "tasks.maintenance.move_last_seen",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    # Exports and deletions whose task was lost; those that go on do not mind a second one.
    "sweep-accounts": {
        "task": "tasks.maintenance.sweep_accounts",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    # Cheap where nothing is owed: two look-ups in indexes of few rows.
    "sweep-media": {
        "task": "tasks.maintenance.sweep_media",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "sweep-expired": {
        "task": "tasks.maintenance.sweep_expired",
        "schedule": crontab(minute="17"),
        "options": {"expires": 1800.0},
    },
}
