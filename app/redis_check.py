"""Checks the servers behind the addresses of Redis when a process starts.

Only answers are problems, because trying again does not change them. A server that does not answer may come later, so
it is one line in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from redis.exceptions import RedisError

from app.config import ConfigError, Settings
from app.redis_addresses import BROKER_ON_CLUSTER, FORM, is_sentinel
from app.redis_connections import connect_redis
from app.redis_sentinel import WrongSentinelError, hello_of

log = logging.getLogger("parley.redis")

CHECK_SECONDS = 2.0
_ON_CLUSTER = (
    "REDIS_URL names a node of a Redis cluster. Use a Redis without cluster mode: redis://, rediss://, unix:// or"
    " redis+sentinel://."
)


def check_redis_addresses(settings: Settings) -> None:
    """Raises ConfigError if a server answers that its address is wrong. Waits CHECK_SECONDS for each answer."""
    problems = list(_problems("REDIS_URL", settings, _ON_CLUSTER))
    broker = settings.broker_url
    if broker != settings.redis_url and (
        is_sentinel(broker) or broker.startswith(("redis://", "rediss://", "unix://"))
    ):
        problems += _problems("CELERY_BROKER_URL", replace(settings, redis_url=broker), BROKER_ON_CLUSTER)
    if problems:
        raise ConfigError(*problems)


def _problems(name: str, settings: Settings, on_cluster: str) -> Iterator[str]:
    client = connect_redis(replace(settings, redis_pool_size=1), timeout_seconds=CHECK_SECONDS)
    try:
        mode = hello_of(client.execute_command("HELLO")).get("mode")  # type: ignore[no-untyped-call]
    except WrongSentinelError as error:
        yield f"{name}: {error}."
    except RedisError as error:
        log.warning("%s: no answer yet, trying again when it is needed (%s)", name, " ".join(str(error).split()))
    else:
        if mode == "cluster":
            yield on_cluster
        elif mode == "sentinel":
            yield f"{name} names a Sentinel. Write it as {FORM}."
    finally:
        client.close()
        client.connection_pool.disconnect()
