"""Errors are data: each has a stable code, an HTTP status, and says whether the same request may succeed later.

A published code never changes its meaning (docs/protocol.md, section 12).
"""

from __future__ import annotations

from typing import Any, ClassVar


class ParleyError(Exception):
    """Base of every error that is sent to clients.

    ``message`` is a sentence for a developer. It never contains message text, tokens or another person's data.
    ``extra`` has further fields of the error object (``retryAfter``, ``errors``).
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
        """Returns the ``data`` of a WebSocket ``error`` event."""
        return {"code": self.code, "message": self.message, **self.extra}

    def as_problem(self) -> dict[str, Any]:
        """Returns the body of an ``application/problem+json`` response (RFC 9457)."""
        return {
            "type": f"urn:parley:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            **self.extra,
        }


class MalformedRequest(ParleyError):
    """The bytes are not HTTP."""

    code, status, title = "malformed_request", 400, "Malformed request"


class Unauthorized(ParleyError):
    code, status, title = "unauthorized", 401, "Not authenticated"


class SecondFactorRequired(ParleyError):
    """The password was right, but the account has a second factor. ``challenge`` is for the request with its code."""

    code, status, title = "second_factor_required", 401, "Second factor required"


class Forbidden(ParleyError):
    code, status, title = "forbidden", 403, "Not allowed"


class Suspended(ParleyError):
    """An administrator has suspended the account. ``reason`` and ``until`` are added at sign-in and refresh."""

    code, status, title = "suspended", 403, "Account suspended"


class QuotaExceeded(ParleyError):
    """The user's files take all the space that one user may have. Deleting messages with files makes room."""

    code, status, title = "quota_exceeded", 403, "Storage quota exceeded"


class NotFound(ParleyError):
    code, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(ParleyError):
    code, status, title = "method_not_allowed", 405, "Method not allowed"


class Conflict(ParleyError):
    code, status, title = "conflict", 409, "Conflict"


class Stopped(ParleyError):
    """The stream has ended: a member stopped it, its writer ended it, or nothing was added for a minute."""

    code, status, title = "stopped", 409, "The stream has ended"


class TooLarge(ParleyError):
    code, status, title = "too_large", 413, "Too large"


class UriTooLong(ParleyError):
    code, status, title = "uri_too_long", 414, "Address too long"


class UnsupportedMedia(ParleyError):
    code, status, title = "unsupported_media", 415, "Unsupported media type"


class Invalid(ParleyError):
    code, status, title = "invalid", 422, "Invalid input"

    @classmethod
    def field(cls, field: str, message: str) -> Invalid:
        """Returns an error about one field. ``errors`` is a list of ``{field, message}``."""
        return cls(f"{field}: {message}", errors=[{"field": field, "message": message}])


class Rejected(ParleyError):
    """The host's hook before sending refused the message. ``reason`` is the hook's."""

    code, status, title = "rejected", 422, "Message refused"


class HeadersTooLarge(ParleyError):
    code, status, title = "headers_too_large", 431, "Headers too large"


class RateLimited(ParleyError):
    code, status, title, retryable = "rate_limited", 429, "Too many requests", True

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message, retryAfter=retry_after)


class Overloaded(ParleyError):
    """The log is full, or Postgres or Redis does not answer. Nothing was done."""

    code, status, title, retryable = "overloaded", 503, "Overloaded, try again", True

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message, retryAfter=retry_after)


class MediaOff(ParleyError):
    """This deployment has no media storage. Unlike ``overloaded``, the same request will not succeed later."""

    code, status, title = "media_off", 501, "Media are disabled"


class EmailOff(ParleyError):
    """This deployment sends no e-mail. The same request will not succeed later."""

    code, status, title = "email_off", 501, "E-mail is disabled"


class Internal(ParleyError):
    """A fault of the server. The details are in its log under the request id."""


def not_ready_error(missing: list[str]) -> Overloaded:
    """Returns the answer of /readyz if these dependencies do not answer."""
    error = Overloaded(f"Not ready: {', '.join(missing)}.", retry_after=2)
    error.extra["missing"] = missing
    return error


def all_errors() -> tuple[type[ParleyError], ...]:
    """Returns every published error type."""
    return tuple(ParleyError.__subclasses__())
