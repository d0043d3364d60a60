"""Answers the usual next poll before Flask.

A long-poll client polls again and again, with the cursor of its last answer, a token that was verified before, and a
session that is parked in this gateway. Such a poll needs nothing that a Flask request provides, and Flask was most of
its cost (docs/decisions/measurements.md). All other polls (the first one, one that reaches another gateway, an unknown
token, a request from another origin, an error) continue to the route in longpoll.py, which answers in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from app.api.headers import data_headers
from app.api.requests import adopt_request_id
from app.config import Settings
from app.core.caller import Caller
from app.core.commands import PollQuery
from app.core.errors import ParleyError
from app.transports.longpoll import PATH, Polls, PollSession, answer_body

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class LongPollFastPath:
    """WSGI middleware around the whole application."""

    def __init__(
        self, app: WsgiApp, polls: Polls, *, verified_before: Callable[[str], Caller | None], settings: Settings
    ) -> None:
        self._app = app
        self._polls = polls
        self._verified_before = verified_before
        self._headers = {s: data_headers(settings, secure=s == "https") for s in ("http", "https")}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return self._app(environ, start_response)
        parked = self._find_parked(environ)
        if parked is None:
            return self._app(environ, start_response)
        session, query = parked
        request_id = adopt_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        events = session.poll_again(query)
        if events is None:
            return self._app(environ, start_response)  # the session has ended: the route answers with the error
        body = answer_body(session.cursor if events else query.cursor, events)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-ID", request_id),
            *self._headers[environ["wsgi.url_scheme"]],
        ]
        start_response("200 OK", headers)
        return [body]

    def _find_parked(self, environ: dict[str, Any]) -> tuple[PollSession, PollQuery] | None:
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_ORIGIN" in environ:
            return None
        caller = self._caller(environ.get("HTTP_AUTHORIZATION", ""))
        if caller is None:
            return None
        try:
            query = msgspec.convert(dict(parse_qsl(environ["QUERY_STRING"])), PollQuery, strict=False)
        except msgspec.ValidationError:
            return None
        session = self._polls.parked(caller, query.cursor) if query.cursor else None
        return (session, query) if session is not None else None

    def _caller(self, header: str) -> Caller | None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return self._verified_before(token.strip())
        except ParleyError:
            return None
