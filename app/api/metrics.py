"""/metrics: the figures of every process of the deployment, from whichever web process is asked (Prometheus text)."""

from __future__ import annotations

import hmac
import logging

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from redis.exceptions import RedisError

from app.container import Container, current_container
from app.core.errors import Unauthorized
from app.services.metrics.collect_metrics import render
from app.services.metrics.metrics_snapshot import Figures
from app.services.metrics.publish_metrics import LogFigures, read_log, read_published

log = logging.getLogger(__name__)

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Where Redis does not answer: this process's own figures, and ``parley_redis_up 0``."""
    parley = current_container()
    check_token(parley.settings.metrics_token)
    processes, log_figures = read_figures(parley)
    if parley.gateway is not None:
        processes[parley.gateway.process] = parley.gateway.figures()  # fresher than what was published
    return Response(render(processes, log_figures), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def read_figures(parley: Container) -> tuple[dict[str, Figures], LogFigures | None]:
    try:
        return read_published(parley.redis), read_log(parley.redis)
    except RedisError as error:
        log.warning("figures of this process alone: Redis does not answer (%s)", type(error).__name__)
        return {}, None


def check_token(expected: str) -> None:
    """Raise Unauthorized where METRICS_TOKEN is set and the request does not bear it."""
    given = request.headers.get("Authorization", "")
    if expected and not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise Unauthorized("METRICS_TOKEN is needed.")


def install(app: Flask) -> None:
    """Count the errors that requests are answered with beside those of the sessions."""
    app.after_request(_count_error)


def _count_error(response: Response) -> Response:
    error = g.pop("error", None)
    gateway = current_container().gateway
    if error is not None and gateway is not None:
        gateway.count_error(error)
    return response
