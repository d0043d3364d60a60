"""The description of one REST operation in the documents."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from msgspec import Struct

from app.core import errors
from app.core.errors import ParleyError

Credential = Literal["access", "ticket", "refresh", "none"]  # "ticket": an access token or a ticket


class Answered(NamedTuple):
    """One successful response. ``content`` is None if it has no body."""

    description: str
    content: Any = None
    media_type: str = "application/json"


class Operation(NamedTuple):
    """``path`` is in OpenAPI's form. ``errors`` lists those that do not follow from ``credential``, ``body`` or
    ``query``.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    answers: dict[int, Answered]
    credential: Credential = "access"
    body: Any = None  # a struct, or a union of structs
    body_type: str = "application/json"
    query: type[Struct] | None = None
    errors: tuple[type[ParleyError], ...] = ()

    def refusals(self) -> list[type[ParleyError]]:
        """Returns all errors that this operation may answer, except ``internal``, by status and code."""
        found = set(self.errors) | {errors.Overloaded}
        if self.credential != "none":
            found |= {errors.Unauthorized, errors.Suspended}
            if self.method == "GET":
                found.add(errors.RateLimited)
        if self.query is not None:
            found |= {errors.Invalid, errors.UriTooLong}
        if "{" in self.path:
            # An id that is no number or no UUID matches no route.
            found |= {errors.NotFound, errors.UriTooLong}
        if self.body is not None:
            found |= {errors.Invalid, errors.TooLarge, errors.UnsupportedMedia}
        return sorted(found, key=lambda kind: (kind.status, kind.code))


LIMITED, MISSING, TAKEN = errors.RateLimited, errors.NotFound, errors.Conflict
AUTH, PEOPLE, MESSAGES, CONVERSATIONS, EVENTS = "Signing in", "People", "Messages", "Conversations", "Events"
MEDIA = "Media"
CONVERSATION = "/api/v1/conversations/{conversationId}"
