"""Errors are data: one tree, each with its stable code, HTTP status and whether the same request may succeed later.

A code, once published, never changes its meaning (docs/protocol.md, section 8).
"""

from __future__ import annotations

from typing import Any, ClassVar


class ParleyError(Exception):
    """Base of every error that a client is told of.

    ``message`` is a sentence for a developer; it never holds message text, tokens or another person's data.
    ``extra`` holds further members of the error object (``retryAfter``, ``errors``).
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str | None = None, **extra: Any) -> None:
        self.message = message or self.title
        self.extra = extra
        super().__init__(self.message)

    def as_data(self) -> dict[str, Any]:
        """The ``data`` of a WebSocket ``error`` event."""
        return {"code": self.code, "message": self.message, **self.extra}

    def as_problem(self) -> dict[str, Any]:
        """The body of an ``application/problem+json`` response (RFC 9457)."""
        return {
            "type": f"urn:parley:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            **self.extra,
        }


class Unauthorized(ParleyError):
    code, status, title = "unauthorized", 401, "Not authenticated"


class Forbidden(ParleyError):
    code, status, title = "forbidden", 403, "Not allowed"


class NotFound(ParleyError):
    code, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(ParleyError):
    code, status, title = "method_not_allowed", 405, "Method not allowed"


class Conflict(ParleyError):
    code, status, title = "conflict", 409, "Conflict"


class TooLarge(ParleyError):
    code, status, title = "too_large", 413, "Too large"


class UnsupportedMedia(ParleyError):
    code, status, title = "unsupported_media", 415, "Unsupported media type"


class Invalid(ParleyError):
    code, status, title = "invalid", 422, "Invalid input"

    @classmethod
    def field(cls, field: str, message: str) -> Invalid:
        """One field is wrong. ``errors`` is a list of ``{field, message}``."""
        return cls(f"{field}: {message}", errors=[{"field": field, "message": message}])


class RateLimited(ParleyError):
    code, status, title, retryable = "rate_limited", 429, "Too many requests", True

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message, retryAfter=retry_after)


class Overloaded(ParleyError):
    """The server cannot take this now: the log is full, or a store does not answer. Nothing was done."""

    code, status, title, retryable = "overloaded", 503, "Overloaded, try again", True

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message, retryAfter=retry_after)


class MediaOff(ParleyError):
    """This deployment keeps no media. Not ``overloaded``: the same request will not succeed later."""

    code, status, title = "media_off", 501, "No media here"


class Internal(ParleyError):
    """A fault of the server's own; the details are in its log under the request id."""


def all_errors() -> tuple[type[ParleyError], ...]:
    """Every published error type, for the documents and the test that enumerates them."""
    return tuple(ParleyError.__subclasses__())
