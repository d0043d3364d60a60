"""The description of one REST operation in the documents."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from msgspec import Struct

from app.core import errors
from app.core.answers import Accepted, Ack
from app.core.errors import ParleyError

# "ticket": an access token or a ticket. "server": a server key.
Credential = Literal["access", "ticket", "refresh", "server", "none"]


class Answered(NamedTuple):
    """One successful response. ``content`` is None if it has no body."""

    description: str
    content: Any = None
    media_type: str = "application/json"


def stored_or_accepted(answer: type[Struct]) -> dict[int, Answered]:
    """Returns the responses of an operation that waits for its change to be stored."""
    return {
        200: Answered("Stored", answer),
        202: Answered("Accepted, but not confirmed as stored in time", answer),
    }


# The responses of an operation that sends a message.
SENT = {
    201: Answered("Stored", Ack),
    202: Answered("Accepted, but not confirmed as stored in time. Send it again with the same id", Accepted),
}


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
        if self.credential == "server":
            found |= {errors.Unauthorized, errors.Forbidden, errors.RateLimited}
        elif self.credential != "none":
            found |= {errors.Unauthorized, errors.Suspended}
            if self.method == "GET":
                found.add(errors.RateLimited)
        if self.query is not None:
            found |= {errors.Invalid, errors.UriTooLong}
        if "{" in self.path:
            # An id that is no number or no UUID matches no route.
            found |= {errors.NotFound, errors.UriTooLong}
        if "{externalId}" in self.path:
            found.add(errors.Invalid)
        if self.body is not None:
            found |= {errors.Invalid, errors.TooLarge, errors.UnsupportedMedia}
        return sorted(found, key=lambda kind: (kind.status, kind.code))


def server_operation(
    tag: str, method: str, path: str, name: str, summary: str, answers: dict[int, Answered], **more: Any
) -> Operation:
    """Describes an operation for the servers of hosts, which takes a server key."""
    return Operation(method, path, name, summary, tag, answers, credential="server", **more)


LIMITED, MISSING, TAKEN = errors.RateLimited, errors.NotFound, errors.Conflict
AUTH, PEOPLE, MESSAGES, CONVERSATIONS, EVENTS = "Signing in", "People", "Messages", "Conversations", "Events"
MEDIA = "Media"
CONVERSATION = "/api/v1/conversations/{conversationId}"
