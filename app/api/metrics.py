"""/metrics: the metrics of every process of the deployment, in Prometheus' text format. Any web process can answer."""

from __future__ import annotations

import hmac
import logging

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from redis import Redis
from redis.exceptions import RedisError

from app.container import current_container
from app.core.errors import Unauthorized
from app.message_log.shards import Shards
from app.services.metrics.collect_metrics import render
from app.services.metrics.metrics_snapshot import Snapshot
from app.services.metrics.publish_metrics import LogState, read_log, read_published

log = logging.getLogger(__name__)

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """If Redis does not answer, returns this process's own metrics and ``parley_redis_up 0``."""
    container = current_container()
    check_token(container.settings.metrics_token)
    processes, log_state = read_snapshots(container.redis, container.shards)
    if container.gateway is not None:
        processes[container.gateway.process] = container.gateway.metrics_snapshot()  # fresher than the published one
    return Response(render(processes, log_state), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def read_snapshots(redis: Redis, shards: Shards) -> tuple[dict[str, Snapshot], LogState | None]:
    try:
        return read_published(redis), read_log(shards)
    except RedisError as error:
        log.warning("only the metrics of this process: Redis does not answer (%s)", type(error).__name__)
        return {}, None


def check_token(expected: str) -> None:
    """Raises Unauthorized if METRICS_TOKEN is set and the request does not carry it."""
    given = request.headers.get("Authorization", "")
    if expected and not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise Unauthorized("This needs Authorization: Bearer <METRICS_TOKEN>.")


def install(app: Flask) -> None:
    """Counts the errors of requests together with those of sessions."""
    app.after_request(_count_error)


def _count_error(response: Response) -> Response:
    error = g.pop("error", None)
    gateway = current_container().gateway
    if error is not None and gateway is not None:
        gateway.count_error(error)
    return response
