"""/healthz: this process answers. /readyz: Postgres, Redis and a worker answer as well. For load balancers and
deployments. ``/readyz?verbose`` also lists risks of the deployment.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.api.parsing import json_response
from app.container import current_container
from app.core.errors import not_ready_error
from app.errors_http import problem_response
from app.services.metrics.deployment_risks import find_risks

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    return json_response({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answers 503 with ``missing``, a list of the dependencies that do not answer within a second."""
    missing = current_container().readiness.missing()
    more = {"warnings": _risks()} if "verbose" in request.args else {}
    if not missing:
        return json_response({"status": "ok", **more})
    error = not_ready_error(missing)
    error.extra.update(more)
    return problem_response(error)


def _risks() -> list[str]:
    container = current_container()
    return find_risks(container.shards, container.engine, container.store_reads, settings=container.settings)
