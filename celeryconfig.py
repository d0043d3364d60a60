"""Celery's settings: queues, routes, limits and the beat schedule, each with its reason.

The log in Redis is the outbox (docs/message-path.md). A task is only a hint that there is work. Every task may be lost,
late or run twice, and a sweep by beat finds the work that is left. The figures are of Celery 5.7 on Redis.
"""

from __future__ import annotations

import os
import ssl
import sys
from urllib.parse import urlsplit

from celery.schedules import crontab
from kombu import Exchange, Queue
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.applications import given_settings
from app.config import CONFIG_EXIT_STATUS, ConfigError, read_settings
from app.redis_addresses import is_sentinel, kombu_url, parse_sentinel
from app.worker_pool import pool_size

try:
    # An application that a host mounts may have its settings from elsewhere than the environment.
    _settings = given_settings() or read_settings()
    worker_concurrency = pool_size(os.environ, _settings.shards)
except ConfigError as error:
    print(error.report(), file=sys.stderr, flush=True)
    sys.exit(CONFIG_EXIT_STATUS)


# --- Broker
broker_url = kombu_url(_settings.broker_url)
_sentinels = parse_sentinel(_settings.broker_url) if is_sentinel(_settings.broker_url) else None
_on_redis = urlsplit(broker_url).scheme in ("redis", "rediss", "redis+socket", "sentinel")

if urlsplit(broker_url).scheme == "rediss" or (_sentinels and _sentinels.ssl):
    # By default kombu silently verifies no certificate. A provider with a self-signed chain needs REDIS_TLS_VERIFY=0,
    # which then applies to redis-py and the broker.
    broker_use_ssl = {
        "ssl_cert_reqs": ssl.CERT_REQUIRED if _settings.redis_tls_verify else ssl.CERT_NONE,
        **(_sentinels.tls_options(verify=True) if _sentinels else {}),
    }

# A worker that starts before its broker waits for it, and it reconnects after an outage of any length (default: 100
# tries).
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# A Redis that refuses writes (READONLY in a failover, MISCONF with a full disk, OOM) is an outage like any other. By
# default its error would end the worker.
broker_channel_error_retry = True
worker_consumer = "tasks.patient_consumer:PatientConsumer"  # waits until Redis accepts writes
# If the pool is exhausted, publishing from within a task fails after 5 s. By default it would wait forever.
broker_pool_acquire_timeout = 5
broker_pool_limit = 2  # a web process wakes one drain at a time

if _on_redis:
    broker_transport_options: dict[str, object] = {
        # Redis delivers an unacknowledged task again after this time. It must exceed the time limits of acks_late tasks
        # below, or a task would start a second time while it still runs. With the default of an hour, the task of a
        # killed worker would be missing that long.
        "visibility_timeout": 180,
        # By default there is no timeout, but a Redis that hangs must look like one that is down. It must exceed the 1 s
        # of kombu's BRPOP.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        # A half-open connection is detected after this many silent seconds (default 25).
        "health_check_interval": 10,
    }
    if _sentinels:
        broker_transport_options |= {
            "master_name": _sentinels.service,
            # By default redis-py tries a dead Sentinel ten times, for 8 s, before kombu asks the next one.
            "sentinel_kwargs": {
                **_sentinels.sentinel_options(verify=_settings.redis_tls_verify),
                "retry": Retry(NoBackoff(), 0),
            },
        }
    # A worker takes a task from Redis only when a process is free, so no task waits in a busy worker while another
    # worker idles.
    worker_disable_prefetch = True

# --- Tasks
# Tasks carry ids and small records only. With pickle, anyone who can write to the broker could run code here.
task_serializer = "json"
accept_content = ["json"]
# We never read task results; keeping them would cost one Redis key per task for a day.
task_ignore_result = True
result_backend = None
# Tasks are acknowledged after the work. That alone still loses the task of a killed pool process, hence the next
# setting.
task_acks_late = True
# New in 5.7. It counts as a retry, so a task that kills its process stops after max_retries. The older
# task_reject_on_worker_lost requeued it forever.
task_retry_on_worker_lost = True
task_annotations = {
    "*": {"max_retries": 3, "default_retry_delay": 5},
    # This task is only a wake-up, and long-lived. Delivering it again would start a second drain, which finds the lease
    # taken. It ends by itself; the limits are for the case that it hangs.
    "tasks.persist_messages.drain": {
        "acks_late": False,
        "retry_on_worker_lost": False,
        "soft_time_limit": 3600,
        "time_limit": 3630,
    },
    # Enough for a video of 100 MB at 1 MB/s to the storage. It must stay below the visibility timeout.
    "tasks.process_media.process": {"soft_time_limit": 150, "time_limit": 170},
    # The next tick of beat continues.
    "tasks.maintenance.wake_runners": {"acks_late": False, "retry_on_worker_lost": False},
    "tasks.maintenance.index_messages": {"acks_late": False, "retry_on_worker_lost": False},
    "tasks.send_push.run": {
        "acks_late": False,
        "retry_on_worker_lost": False,
        "soft_time_limit": 3600,
        "time_limit": 3630,
    },
    "tasks.send_webhooks.run": {
        "acks_late": False,
        "retry_on_worker_lost": False,
        "soft_time_limit": 3600,
        "time_limit": 3630,
    },
}
# Both are below the visibility timeout. The soft limit raises in the task; the hard one kills its process.
task_soft_time_limit = 60
task_time_limit = 90

# --- Queues: one per kind of work, so that a deployment may give each its own workers (WORKER_QUEUES).
task_default_queue = "maintenance"
# Each queue is bound by its own name. Without a routing key, all would get the one of the default queue.
_exchange = Exchange("parley", type="direct")
QUEUES = ("persistence", "push", "webhooks", "media", "maintenance")
task_queues = [Queue(name, _exchange, routing_key=name) for name in QUEUES]
task_create_missing_queues = False  # a misspelt name is an error instead of a queue without workers
task_routes = {
    "tasks.persist_messages.*": {"queue": "persistence"},
    "tasks.send_push.*": {"queue": "push"},
    "tasks.send_webhooks.*": {"queue": "webhooks"},
    "tasks.process_media.*": {"queue": "media"},
    "tasks.maintenance.*": {"queue": "maintenance"},
    "tasks.accounts.*": {"queue": "maintenance"},
    "tasks.imports.*": {"queue": "maintenance"},
    "tasks.mail.*": {"queue": "maintenance"},
}

# --- Worker
# Prefork, without gevent: a task may use the CPU or block in C without stopping others. The drain of each shard
# occupies a process while messages arrive, so there may be more (``worker_concurrency`` above),
# of which tasks/pool_growth.py starts as many as are needed.
worker_pool = "prefork"
worker_prefetch_multiplier = 1
# On a busy machine, a new process of the pool takes longer to start than the 4 s that Celery would give it.
worker_proc_alive_timeout = 60.0
# Replacing a process ends any memory leak of a library. At one task a second this happens about once every three hours.
worker_max_tasks_per_child = 10_000
# Tasks with a countdown stay in the worker's memory, unacknowledged, so their number is bounded.
worker_eta_task_limit = 1000
# No remote control. It saves a connection and a subscription per worker, and nobody with access to Redis can send
# `shutdown`. In the Procfile, --without-gossip, --without-mingle and --without-heartbeat turn off events between
# workers, which we do not use.
worker_enable_remote_control = False
worker_send_task_events = False
# We configure logging ourselves (tasks/__init__.py) and blank out credentials.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
# If the connection is lost while a task runs, the task continues, and its second delivery finds the work done.
worker_cancel_long_running_tasks_on_connection_loss = False
# On SIGTERM, tasks/shutdown.py asks running tasks to end, waits for them, and hands back unfinished ones after 15 s.
# Celery's own soft shutdown always sleeps its whole timeout, even if all tasks are done.
worker_soft_shutdown_timeout = 0.0

# --- Beat: one process. Its schedule is in memory, so there is no file that could become corrupt.
beat_scheduler = "tasks.beat_scheduler:SteadyScheduler"
beat_max_loop_interval = 2
timezone = "UTC"
# "expires" bounds the ticks that pile up while no worker runs: about 12,000 messages, 10 MB. It compares the clocks of
# two machines, so it must be longer than they may differ. tasks/sweeps.py passes over ticks that waited.
TICK_EXPIRES = {"expires": 7200.0}
beat_schedule = {
    # Starts the drain, and the runners of push and webhooks, if a wake-up was lost. Publishes how much waits. Fills the
    # search index, which may be this old; a search reads the texts of newer messages. Two look-ups if nothing is new.
    "wake-runners": {
        "task": "tasks.maintenance.wake_runners",
        "schedule": 3.0,
        "options": TICK_EXPIRES,
    },
    "sweep-push": {
        "task": "tasks.maintenance.sweep_push",
        "schedule": crontab(minute="37"),
        "options": TICK_EXPIRES,
    },
    # lastSeen in Postgres may be this old. Redis always has the current value.
    "move-last-seen": {
        "task": "tasks.maintenance.move_last_seen",
        "schedule": 15.0,
        "options": TICK_EXPIRES,
    },
    # Enqueues exports and deletions again whose task was lost. A second task does no harm to a running one.
    "sweep-accounts": {
        "task": "tasks.maintenance.sweep_accounts",
        "schedule": 60.0,
        "options": TICK_EXPIRES,
    },
    # The text of open streams in Postgres may be this old. Media and imports whose task was lost are enqueued again.
    # A few look-ups in small indexes if nothing is due.
    "sweep-often": {
        "task": "tasks.maintenance.sweep_often",
        "schedule": 5.0,
        "options": TICK_EXPIRES,
    },
    # Three look-ups in small indexes if nothing is due.
    "sweep-avatars": {
        "task": "tasks.maintenance.sweep_avatars",
        "schedule": 20.0,
        "options": TICK_EXPIRES,
    },
    "sweep-audit": {
        "task": "tasks.maintenance.sweep_audit",
        "schedule": crontab(minute="27"),
        "options": TICK_EXPIRES,
    },
    "sweep-feed": {
        "task": "tasks.maintenance.sweep_feed",
        "schedule": crontab(minute="47"),
        "options": TICK_EXPIRES,
    },
    "sweep-expired": {
        "task": "tasks.maintenance.sweep_expired",
        "schedule": crontab(minute="17"),
        "options": TICK_EXPIRES,
    },
}
