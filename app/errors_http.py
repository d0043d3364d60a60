"""Turns every error into ``application/problem+json`` (RFC 9457) with a stable ``code``."""

from __future__ import annotations

import logging
import math
from typing import cast

import msgspec
from flask import Flask, Response, g
from redis import exceptions as redis_errors
from sqlalchemy import exc as database_errors
from werkzeug.exceptions import HTTPException

from app.core import errors
from app.core.error_texts import translated
from app.core.errors import ParleyError
from app.core.networks import network_of
from app.current_request import current_address
from app.logs import current_request_id
from app.refusals import REFUSALS, REFUSED_STATUSES
from app.requested_language import requested_language
from app.translations import texts_in

log = logging.getLogger("parley.errors")

ERRORS_BY_STATUS: dict[int, type[ParleyError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    409: errors.Conflict,
    413: errors.TooLarge,
    415: errors.UnsupportedMedia,
    429: errors.RateLimited,
    503: errors.Overloaded,
}

# If a store does not answer, 503 says more than 500: nothing was done, and the same request may succeed later.
STORE_ERRORS: tuple[type[Exception], ...] = (
    database_errors.OperationalError,
    database_errors.InterfaceError,
    database_errors.TimeoutError,
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
)


def install_error_handlers(app: Flask) -> None:
    app.register_error_handler(ParleyError, problem_response)
    app.register_error_handler(HTTPException, of_http_exception)
    for kind in STORE_ERRORS:
        app.register_error_handler(kind, of_absent_store)
    app.register_error_handler(Exception, of_unexpected)


def problem_response(error: ParleyError) -> Response:
    g.error = error  # counted by app/api/metrics.py
    if error.status in REFUSED_STATUSES:
        REFUSALS.hold(network_of(current_address()))
    texts = texts_in(requested_language())
    problem = translated(error.as_problem(), texts) | {"requestId": current_request_id()}
    response = Response(msgspec.json.encode(problem), error.status, content_type="application/problem+json")
    response.headers["Content-Language"] = texts.language
    response.vary.add("Accept-Language")
    if "retryAfter" in error.extra:
        response.headers["Retry-After"] = str(math.ceil(error.extra["retryAfter"]))
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def of_http_exception(error: HTTPException) -> Response:
    """Converts Werkzeug's own errors and keeps their ``Allow`` header. A redirect is not an error and passes
    unchanged.
    """
    status = error.code or 500
    if status < 400:
        return cast(Response, error.get_response())
    response = problem_response(as_parley_error(status, error))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def as_parley_error(status: int, error: HTTPException) -> ParleyError:
    if status in ERRORS_BY_STATUS:
        return ERRORS_BY_STATUS[status]()
    if status < 500:
        return errors.Invalid(error.name, errors=[{"field": "request", "message": error.name}])
    return errors.Internal()


def of_absent_store(error: Exception) -> Response:
    log.error("a store does not answer", exc_info=error)
    return problem_response(errors.Overloaded("Postgres or Redis does not answer.", retry_after=2))


def of_unexpected(error: Exception) -> Response:
    """Sends the client only the request id. The log has the details under this id."""
    log.error("unexpected error", exc_info=error)
    return problem_response(errors.Internal())
