"""What surrounds every request: its id, and one line in the access log without the query string.

Polls that are answered write theirs at DEBUG: there is one a client and half a minute, or a message, and they say
nothing. Their number is in the metrics.
"""

from __future__ import annotations

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

from app.logs import current_request_id, set_request_id

access_log = logging.getLogger("parley.access")

# Others' ids are taken over for tracing across services, but only what cannot break a log line or a header.
_SANE = re.compile(r"[A-Za-z0-9_.:-]{8,64}", re.ASCII)

POLLS = "/api/v1/events/poll"


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def adopt_request_id(given: str) -> str:
    """The id of the request that this greenlet serves: the given one where it is sane, else a new one."""
    request_id = given if _SANE.fullmatch(given) else uuid.uuid4().hex
    set_request_id(request_id)
    return request_id


def _begin() -> None:
    adopt_request_id(request.headers.get("X-Request-ID", ""))
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = current_request_id()
    level = logging.DEBUG if request.path == POLLS and response.status_code == 200 else logging.INFO
    access_log.log(
        level,
        "%s %s",
        request.method,
        request.path,
        extra={"status": response.status_code, "ms": round((time.perf_counter() - g.started) * 1000, 1)},
    )
    return response
