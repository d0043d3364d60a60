"""Answers requests that gunicorn refuses before Flask sees them: as problems, like every other error.

gunicorn imports this before gevent patches the process, so nothing here imports Flask or a driver.
"""

from __future__ import annotations

import json
import uuid
from http import HTTPStatus

from gunicorn.http import errors as refused

from app.core.errors import HeadersTooLarge, MalformedRequest, Overloaded, ParleyError, UriTooLong, not_ready_error

_MALFORMED = (
    refused.InvalidRequestLine,
    refused.InvalidRequestMethod,
    refused.InvalidHTTPVersion,
    refused.InvalidHeader,
    refused.InvalidHeaderName,
    refused.InvalidSchemeHeaders,
    refused.ObsoleteFolding,
    refused.InvalidChunkSize,
    refused.InvalidChunkExtension,
    refused.ChunkMissingTerminator,
)


def error_for(problem: BaseException) -> ParleyError | None:
    """Returns the error for an exception of gunicorn's parser, or None if gunicorn's own answer is to be used."""
    if isinstance(problem, refused.LimitRequestLine):
        return UriTooLong()
    if isinstance(problem, refused.LimitRequestHeaders):
        return HeadersTooLarge()
    return MalformedRequest() if isinstance(problem, _MALFORMED) else None


def whole_answer(error: ParleyError, request_id: str) -> bytes:
    """Returns an HTTP response that ends its connection."""
    body = json.dumps(error.as_problem() | {"requestId": request_id}).encode()
    again = f"Retry-After: {error.extra['retryAfter']}\r\n" if "retryAfter" in error.extra else ""
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/problem+json\r\n"
        f"X-Request-ID: {request_id}\r\n{again}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def full() -> bytes:
    """Returns the answer of a process whose connections are all in use."""
    return whole_answer(Overloaded("Too many connections.", retry_after=5), uuid.uuid4().hex)


def not_ready(missing: list[str]) -> bytes:
    """Returns the answer of /readyz, as app/api/health.py gives it."""
    return whole_answer(not_ready_error(missing), uuid.uuid4().hex)
