"""Checks the servers behind the addresses of Redis when a process starts.

Only a wrong answer is a problem, because trying again does not change it. A server that does not answer may come later,
so it only causes a line in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from redis.exceptions import RedisError

from app.config import ConfigError, Settings
from app.redis_addresses import BROKER_ON_CLUSTER, CLUSTER_FORM, FORM, is_cluster, is_sentinel
from app.redis_connections import connect_address
from app.redis_primary import WrongAddressError
from app.redis_sentinel import hello_of

log = logging.getLogger("parley.redis")

CHECK_SECONDS = 2.0


def check_redis_addresses(settings: Settings) -> None:
    """Raises ConfigError if a server answers that its address is wrong. Waits CHECK_SECONDS for the answers."""
    checks = list(_checks(replace(settings, redis_pool_size=1)))
    with ThreadPoolExecutor(len(checks)) as pool:
        problems = [problem for found in pool.map(lambda check: check(), checks) for problem in found]
    if problems:
        raise ConfigError(*problems)


def _checks(settings: Settings) -> Iterator[Callable[[], list[str]]]:
    """Yields a check of each address."""
    for name, url in _addresses(settings).items():
        on_cluster = f"{name} names a node of a Redis cluster. Write it as {CLUSTER_FORM}."
        yield partial(_problems, name, url, settings, on_cluster)
    broker = settings.broker_url
    if broker != settings.redis_url and (
        is_sentinel(broker) or broker.startswith(("redis://", "rediss://", "unix://"))
    ):
        yield partial(_problems, "CELERY_BROKER_URL", broker, settings, BROKER_ON_CLUSTER)


def _addresses(settings: Settings) -> dict[str, str]:
    if not settings.redis_shard_urls:
        return {"REDIS_URL": settings.redis_url}
    return {f"REDIS_SHARD_URLS (address {n})": url for n, url in enumerate(settings.redis_shard_urls, 1)}


def _problems(name: str, url: str, settings: Settings, on_cluster: str) -> list[str]:
    client = connect_address(url, settings, timeout_seconds=CHECK_SECONDS)
    try:
        mode = hello_of(client.execute_command("HELLO")).get("mode")  # type: ignore[no-untyped-call]
    except WrongAddressError as error:
        return [f"{name}: {error}."]
    except RedisError as error:
        log.warning("%s: no answer yet, trying again when it is needed (%s)", name, " ".join(str(error).split()))
        return []
    finally:
        client.close()
        client.connection_pool.disconnect()
    return list(_problems_of_mode(name, mode, on_cluster, in_cluster=is_cluster(url)))


def _problems_of_mode(name: str, mode: str | None, on_cluster: str, *, in_cluster: bool) -> Iterator[str]:
    if mode == "cluster" and not in_cluster:
        yield on_cluster
    elif mode == "sentinel":
        yield f"{name} names a Sentinel. Write it as {FORM}."
    elif mode != "cluster" and in_cluster:
        yield f"{name} names a Redis without cluster mode. Write it as redis:// or, with TLS, rediss://."
