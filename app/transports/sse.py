"""Server-sent events: ``GET /api/v1/events`` (WHATWG HTML, section 9.2).

The blueprint is flask-sse's, but not its stream: that lets anyone read any channel, holds a Redis connection and a
greenlet per reader, sends nothing before the first event, and ignores Last-Event-ID. Here the reader is a session like
any other, and its connection is taken over from gunicorn once the response has begun.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from flask_sse import ServerSentEventsBlueprint
from werkzeug.wsgi import ClosingIterator

from app.api.caller import require_caller
from app.api.check_origin import check_origin
from app.config import Settings
from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.errors import Overloaded, ParleyError, RateLimited, Unauthorized
from app.core.events import Event, make_event
from app.core.position import Position
from app.fanout.revocation import RevokedSessions
from app.gateway.gateway import Gateway
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.transports.begin_stream import Beginning, begin_stream
from app.transports.connection import Connection
from app.transports.connection_protocol import Limits, Owner
from app.transports.flusher import Flusher
from app.transports.queued_connection import QueuedConnection
from app.transports.session import Session
from app.transports.take_over import can_take_over, take_over

RETRY_MS = (1000, 5000)
COMMENT = b": keep-alive\n\n"

OpenConnection = Callable[[Owner, Any], Connection | QueuedConnection]


class SseSession(Session):
    __slots__ = ("_comment_seconds", "_connection", "_next_comment")

    transport = "sse"

    def __init__(self, caller: Caller, *, registry: SessionRegistry, streams: Streams, comment_seconds: float) -> None:
        super().__init__(registry, streams)
        self.identify(caller)
        self._connection: Connection | QueuedConnection | None = None
        self._comment_seconds = comment_seconds
        self._next_comment = 0.0

    def attach(self, connection: Connection | QueuedConnection, head: bytes) -> None:
        """Begins the response with ``head``."""
        self._connection = connection
        self._next_comment = time.monotonic() + self._comment_seconds
        self.registry.add(self)
        connection.send(head + b"retry:%d\n\n" % random.randint(*RETRY_MS))

    def begin(self, joined: dict[str, Any], positions: list[Position] | None, resync: bool) -> None:
        """Writes ``joined``, then ``resync`` or everything that was missed. Live events follow."""
        cursor = joined["cursor"]
        self.write(make_event("joined", joined, cursor=cursor))
        if positions is not None:
            self.streams.run_blocking(lambda: self._or_close(self.catch_up_all))
            return
        if resync:
            self.write(make_event("resync", {"cursor": cursor}, cursor=cursor))
        self.streams.run_blocking(self.go_live_all)

    def write(self, event: Event) -> None:
        if self._connection is not None:
            self._connection.send(event.sse)

    def backlog(self) -> int:
        return self._connection.waiting if self._connection is not None else 0

    def close(self, code: int, error: ParleyError | None = None) -> None:
        """Sends the reason as an ``error`` event. A shutdown only ends the stream."""
        if self._connection is None or self.closed:
            return
        self.registry.activity.count_close(code)
        self.end_code = int(code)
        last = make_event("error", error.as_data()).sse if error is not None else b""
        self._connection.close(last, discard=code == CloseCode.TOO_SLOW)
        self.detach()

    def check(self, now: float, wall: float) -> None:
        if self._connection is None:
            return
        if self._connection.stalled(now):
            self.overflowed()
        elif wall >= self.expires_at:
            self.close(CloseCode.UNAUTHORIZED, Unauthorized("The token has expired."))
        elif now >= self._next_comment:
            self._next_comment = now + self._comment_seconds
            self._connection.send(COMMENT)

    # --- events of the connection

    def received(self, data: bytes) -> None:
        """Ignores the data: an event stream has one direction."""

    def drained(self) -> None:
        """Does nothing: SSE clients confirm delivery over REST."""

    def overflowed(self) -> None:
        self.registry.activity.count("slow_readers")
        self.close(CloseCode.TOO_SLOW)


class _Stream(Response):
    """A response whose body is a session. Under gunicorn the connection is taken over after the headers."""

    def __init__(
        self,
        session: SseSession,
        beginning: Beginning,
        *,
        open_connection: OpenConnection,
        limits: Limits,
        revoked: RevokedSessions,
    ) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"  # otherwise nginx keeps events until a buffer is full
        self._session = session
        self._beginning = beginning
        self._open_connection = open_connection
        self._limits = limits
        self._revoked = revoked

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.headers.remove("Content-Length")
        if not can_take_over(environ):
            return self._streamed(start_response)
        lines = "".join(f"{name}: {value}\r\n" for name, value in [*self.headers, ("Connection", "close")])
        socket, _ = take_over(environ)
        self._begin(self._open_connection(self._session, socket), f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1"))
        raise StopIteration

    def _streamed(self, start_response: Any) -> Any:
        """Returns the body for a server that keeps its socket; it calls ``abort`` when the client is gone."""
        connection = QueuedConnection(self._session, self._limits)
        start_response("200 OK", list(self.headers))
        self._begin(connection, b"")
        return ClosingIterator(connection.blocks(), connection.abort)

    def _begin(self, connection: Connection | QueuedConnection, head: bytes) -> None:
        session = self._session
        session.attach(connection, head)
        if self._revoked.covers(session.auth_session, session.user_id):  # logged out while the response began
            session.revoke()
        else:
            session.begin(*self._beginning)


def _return_later(error: ParleyError) -> Response:
    """Returns a stream that ends at once with the error. An EventSource gives up for good on any status except 200."""
    pause = max(random.randint(*RETRY_MS), int(1000 * error.extra.get("retryAfter", 0)))
    body = b"retry:%d\n\n" % pause + make_event("error", error.as_data()).sse
    response = Response(body, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


class EventStreams(ServerSentEventsBlueprint):  # type: ignore[misc]
    """flask-sse's blueprint with our own stream. Its members publish, messages and redis are not used: events come only
    from the log.
    """

    redis = None

    def publish(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("events come from the log")

    messages = stream = publish


def install(
    app: Flask, gateway: Gateway, settings: Settings, revoked: RevokedSessions, flusher: Flusher, limits: Limits
) -> None:
    """Routes ``/api/v1/events``."""
    blueprint = EventStreams("events", __name__, url_prefix="/api/v1")

    def open_connection(owner: Owner, socket: Any) -> Connection:
        return Connection(socket, owner, flusher, limits)

    @blueprint.get("/events")  # type: ignore[untyped-decorator]
    def events() -> Response:
        try:
            return begin()
        except (Overloaded, RateLimited) as error:
            if "text/event-stream" not in request.headers.get("Accept", ""):
                raise
            return _return_later(error)

    def begin() -> Response:
        gateway.start()
        check_origin(request, settings)
        gateway.sessions.check_room()
        session = SseSession(
            require_caller(allow_ticket=True),
            registry=gateway.sessions,
            streams=gateway.streams,
            comment_seconds=settings.sse_comment_seconds,
        )
        cursor = request.headers.get("Last-Event-ID") or request.args.get("cursor")
        beginning = begin_stream(session, cursor)
        return _Stream(session, beginning, open_connection=open_connection, limits=limits, revoked=revoked)

    app.register_blueprint(blueprint)
