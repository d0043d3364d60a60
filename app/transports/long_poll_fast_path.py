"""The usual next poll, answered before Flask.

A long-poll client asks again and again, with the cursor of its last answer, a token that was verified before, and its
session parked in this gateway. That needs nothing of what a Flask request provides, which was most of what a poll cost
(docs/decisions/measurements.md); the answer is the same. Whatever is not that usual poll (the first, one that comes to
another gateway, a token not seen before, another origin's, an error to tell) goes on to the route in longpoll.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from app.api.headers import data_headers
from app.api.requests import adopt_request_id
from app.core.caller import Caller
from app.core.commands import PollQuery
from app.core.errors import ParleyError
from app.transports.longpoll import PATH, Polls, PollSession, answer_body

if TYPE_CHECKING:
    from app.container import Container

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class LongPollFastPath:
    """WSGI middleware around the whole application."""

    def __init__(self, app: WsgiApp, parley: Container, polls: Polls) -> None:
        self._app = app
        self._parley = parley
        self._polls = polls
        self._headers = {s: data_headers(parley.settings, secure=s == "https") for s in ("http", "https")}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return self._app(environ, start_response)
        asked = self._usual(environ)
        if asked is None:
            return self._app(environ, start_response)
        session, query = asked
        request_id = adopt_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        events = session.poll_again(query)
        if events is None:
            return self._app(environ, start_response)  # the session ended meanwhile: the route tells why
        body = answer_body(session.told if events else query.cursor, events)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-ID", request_id),
            *self._headers[environ["wsgi.url_scheme"]],
        ]
        start_response("200 OK", headers)
        return [body]

    def _usual(self, environ: dict[str, Any]) -> tuple[PollSession, PollQuery] | None:
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_ORIGIN" in environ:
            return None
        caller = self._verified_before(environ.get("HTTP_AUTHORIZATION", ""))
        if caller is None:
            return None
        try:
            query = msgspec.convert(dict(parse_qsl(environ["QUERY_STRING"])), PollQuery, strict=False)
        except msgspec.ValidationError:
            return None
        session = self._polls.parked(caller, query.cursor) if query.cursor else None
        return (session, query) if session is not None else None

    def _verified_before(self, header: str) -> Caller | None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return self._parley.authenticator.verified_before(token.strip())
        except ParleyError:
            return None
