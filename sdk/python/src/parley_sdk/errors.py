"""Exceptions. ``ParleyError`` is the base of all; ``APIError`` is an answer of the server and has its stable code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


class ParleyError(Exception):
    """The base of all exceptions of this package."""


class ConnectionFailed(ParleyError):
    """The server was not reached, or its answer did not arrive in time.

    If ``sent``, it may have carried out the request.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class APIError(ParleyError):
    """An answer of the server that is not a success.

    ``code`` is stable; ``detail`` is for people. ``errors`` names the wrong fields, ``reason`` comes from a hook before
    sending, and ``problem`` is the whole answer.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code: str = str(problem.get("code", "internal"))
        self.detail: str = str(problem.get("detail") or problem.get("message") or problem.get("title") or "")
        self.retry_after = retry_after if retry_after is not None else _number(problem.get("retryAfter"))
        self.errors: list[dict[str, str]] = list(problem.get("errors") or ())
        self.reason: str | None = problem.get("reason")
        self.request_id: str | None = problem.get("requestId")
        super().__init__(f"{status} {self.code}: {self._explanation()}")

    def _explanation(self) -> str:
        fields = "; ".join(f"{error.get('field')}: {error.get('message')}" for error in self.errors)
        return fields or self.reason or self.detail


class Unauthorized(APIError):
    """The key or token is missing, unknown or revoked."""


class Forbidden(APIError):
    """The key lacks a scope, or this is not allowed."""


class Suspended(Forbidden):
    """The user is suspended."""


class NotFound(APIError):
    """It does not exist."""


class Conflict(APIError):
    """A name or an id is taken, or something changed in between."""


class Stopped(Conflict):
    """A member has stopped the stream."""


class TooLarge(APIError):
    """The request is too large."""


class Invalid(APIError):
    """Fields are wrong: see ``errors``."""


class Rejected(APIError):
    """The hook before sending refused the message: see ``reason``."""


class RateLimited(APIError):
    """Too many requests: wait ``retry_after`` seconds."""


class Overloaded(APIError):
    """A store is down or the log is full: wait ``retry_after`` seconds."""


BY_CODE: dict[str, type[APIError]] = {
    "unauthorized": Unauthorized,
    "forbidden": Forbidden,
    "suspended": Suspended,
    "not_found": NotFound,
    "conflict": Conflict,
    "stopped": Stopped,
    "too_large": TooLarge,
    "invalid": Invalid,
    "rejected": Rejected,
    "rate_limited": RateLimited,
    "overloaded": Overloaded,
}
# A proxy in front of Parley answers without a code.
_BY_STATUS = {429: "rate_limited", 502: "overloaded", 503: "overloaded", 504: "overloaded"}


def api_error(status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> APIError:
    """Returns the exception for a problem: the answer of a request, or one result of a batch."""
    code = str(problem.get("code") or _BY_STATUS.get(status, "internal"))
    return BY_CODE.get(code, APIError)(status, {**problem, "code": code}, retry_after=retry_after)


def response_error(response: httpx.Response) -> APIError:
    """Returns the exception for an answer whose status is not a success."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    return api_error(response.status_code, problem, retry_after=_number(response.headers.get("Retry-After")))


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
