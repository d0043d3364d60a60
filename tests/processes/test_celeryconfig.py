"""celeryconfig.py reads the environment when it is imported, so each case runs in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.processes import ROOT, SECRET_KEY, base_env

SHOW = """
import json, celeryconfig
from tasks import celery_app
celery_app.loader.import_default_modules()
conf = celery_app.conf
print(json.dumps({
    "broker": conf.broker_url,
    "ssl": conf.broker_use_ssl and int(conf.broker_use_ssl["ssl_cert_reqs"]),
    "options": conf.broker_transport_options,
    "time_limit": conf.task_time_limit,
    "queues": [queue.name for queue in conf.task_queues],
    "keys": [queue.routing_key for queue in conf.task_queues],
    "scheduled": sorted(entry["task"] for entry in conf.beat_schedule.values()),
    "tasks": {name: celery_app.amqp.router.route({}, name)["queue"].name
              for name in celery_app.tasks if name.startswith("tasks.")},
    "drain": {name: getattr(celery_app.tasks["tasks.persist_messages.drain"], name)
              for name in ("acks_late", "retry_on_worker_lost", "time_limit")},
    "sweep": {name: getattr(celery_app.tasks["tasks.maintenance.sweep_expired"], name)
              for name in ("acks_late", "retry_on_worker_lost", "max_retries")},
}, default=repr))
"""


SHOW_BEAT = """
import json, sys
from tasks.beat import celery_app
celery_app.loader.init_worker()
print(json.dumps({
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
    "scheduled": sorted(entry["task"] for entry in celery_app.conf.beat_schedule.values()),
}))
"""


def conf(code: str = SHOW, **env: str) -> dict[str, object]:
    settings = {"DATABASE_URL": "postgres://db/x", "REDIS_URL": "redis://cache:6379/0", "SECRET_KEY": SECRET_KEY, **env}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=base_env(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    shown: dict[str, object] = json.loads(result.stdout)
    return shown


# Sweeps that run within the tick of another one.
GATHERED = {
    *("wake_drain", "wake_push", "wake_webhooks", "index_messages"),
    *("sweep_streams", "sweep_media", "sweep_imports"),
}


def test_every_task_has_a_queue_and_every_sweep_is_scheduled() -> None:
    shown = conf()
    tasks = shown["tasks"]
    assert isinstance(tasks, dict)
    assert tasks["tasks.persist_messages.drain"] == "persistence"
    assert {queue for name, queue in tasks.items() if "maintenance" in name} == {"maintenance"}
    assert isinstance(shown["scheduled"], list)
    sweeps = {name.removeprefix("tasks.maintenance.") for name in tasks if name.startswith("tasks.maintenance.")}
    assert {name.removeprefix("tasks.maintenance.") for name in shown["scheduled"]} == sweeps - GATHERED
    assert shown["keys"] == shown["queues"]


def test_beat_has_the_schedule_without_loading_the_tasks() -> None:
    shown = conf(SHOW_BEAT)
    assert isinstance(shown["loaded"], list)
    assert "celery" in shown["loaded"]
    assert not {"sqlalchemy", "flask", "psycopg"} & set(shown["loaded"])
    assert shown["scheduled"] == conf()["scheduled"]


def test_time_limit_is_below_the_visibility_timeout() -> None:
    shown = conf()
    assert shown["time_limit"] < shown["options"]["visibility_timeout"]  # type: ignore[index,operator]
    # A drain runs longer than that, but it is acknowledged at once and therefore never delivered again.
    assert shown["drain"] == {"acks_late": False, "retry_on_worker_lost": False, "time_limit": 3630}
    assert shown["sweep"] == {"acks_late": True, "retry_on_worker_lost": True, "max_retries": 3}


def test_broker_certificate_is_verified_unless_disabled() -> None:
    assert conf(REDIS_URL="rediss://:secret@cache:6379/0")["ssl"] == 2
    assert conf(REDIS_URL="rediss://:secret@cache:6379/0", REDIS_TLS_VERIFY="0")["ssl"] == 0
    assert not conf()["ssl"]


def test_unix_socket_url_is_converted_for_kombu() -> None:
    assert conf(REDIS_URL="unix:///run/valkey.sock?db=2")["broker"] == "redis+socket:///run/valkey.sock?virtual_host=2"


def test_sentinels_are_converted_for_kombu() -> None:
    shown = conf(REDIS_URL="redis+sentinel://:p@one:1,two:2/chat/3?ssl=true&sentinel_password=q&ssl_ca_certs=/ca")
    assert shown["broker"] == "sentinel://:p@one:1/3;sentinel://:p@two:2/3"
    assert shown["ssl"] == 2
    options = shown["options"]
    assert isinstance(options, dict)
    assert options["master_name"] == "chat"
    assert (
        options["sentinel_kwargs"] | {"password": "q", "ssl": True, "ssl_ca_certs": "/ca"} == options["sentinel_kwargs"]
    )
    assert options["visibility_timeout"] == conf()["options"]["visibility_timeout"]  # type: ignore[index]


def test_other_brokers_get_no_redis_options() -> None:
    shown = conf(CELERY_BROKER_URL="amqp://guest@rabbit//")
    assert shown["broker"] == "amqp://guest@rabbit//"
    assert shown["options"] == {}
