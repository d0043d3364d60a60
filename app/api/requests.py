"""Gives every request an id, and writes one line per request to the access log, without the query string.

Successful polls are logged at DEBUG: each client sends one per half minute or per message, and the lines are of no use.
The metrics count them.
"""

from __future__ import annotations

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

from app.current_request import current_address, set_address
from app.logs import current_request_id, set_request_id

access_log = logging.getLogger("parley.access")

# We keep ids that other services sent, for tracing, but only if they cannot break a log line or a header.
_VALID = re.compile(r"[A-Za-z0-9_.:-]{8,64}", re.ASCII)

POLLS = "/api/v1/events/poll"


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def adopt_request_id(given: str) -> str:
    """Sets and returns the id of the request that this greenlet serves: the given id if it is valid, otherwise a new
    one.
    """
    request_id = given if _VALID.fullmatch(given) else uuid.uuid4().hex
    set_request_id(request_id)
    return request_id


def _begin() -> None:
    adopt_request_id(request.headers.get("X-Request-ID", ""))
    set_address(request.remote_addr or "")
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = current_request_id()
    level = logging.DEBUG if request.path == POLLS and response.status_code == 200 else logging.INFO
    access_log.log(
        level,
        "%s %s",
        request.method,
        request.path,
        extra={
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.started) * 1000, 1),
            "address": current_address(),
            **({"user": g.user_id} if "user_id" in g else {}),
            **({"server_key": g.server_key} if "server_key" in g else {}),
        },
    )
    return response
