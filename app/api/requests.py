"""What surrounds every request: its id, and one line in the access log without the query string."""

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


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    set_request_id(given if _SANE.fullmatch(given) else uuid.uuid4().hex)
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = current_request_id()
    access_log.info(
        "%s %s",
        request.method,
        request.path,
        extra={"status": response.status_code, "ms": round((time.perf_counter() - g.started) * 1000, 1)},
    )
    return response
