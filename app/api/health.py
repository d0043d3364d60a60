"""/healthz: this process answers. /readyz: Postgres, Redis and a worker answer as well. For load balancers and
deployments.
"""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.parsing import json_response
from app.container import current_container
from app.core.errors import Overloaded
from app.errors_http import problem_response

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    return json_response({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answers 503 with ``missing``, a list of the dependencies that do not answer within a second."""
    missing = current_container().readiness.missing()
    if not missing:
        return json_response({"status": "ok"})
    error = Overloaded(f"Not ready: {', '.join(missing)}.", retry_after=2)
    error.extra["missing"] = missing
    return problem_response(error)
