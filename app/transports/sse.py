"""Server-sent events: ``GET /api/v1/events`` (WHATWG HTML, section 9.2).

The blueprint is flask-sse's; its stream is not: that one lets anyone read any channel, holds a Redis connection and a
greenlet for each reader, sends nothing until the first event, and knows no Last-Event-ID. Here the reader is a session
like any other, and its connection is taken over from gunicorn once the response has begun.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from flask_sse import ServerSentEventsBlueprint

from app.api.caller import require_caller
from app.api.check_origin import check_origin
from app.container import gateway_of
from app.core.close_codes import CloseCode
from app.core.cursor import Position
from app.core.errors import ParleyError, Unauthorized
from app.core.events import Event, make_event
from app.transports.connection import Connection, take_over
from app.transports.session import Session, begin_stream

if TYPE_CHECKING:
    from app.container import Container
    from app.core.caller import Caller
    from app.transports.gateway import Gateway

RETRY_MS = (1000, 5000)
COMMENT = b": keep-alive\n\n"


class SseSession(Session):
    __slots__ = ("_connection", "_next_comment")

    transport = "sse"

    def __init__(self, gateway: Gateway, caller: Caller) -> None:
        super().__init__(gateway)
        self.identify(caller)
        self._connection: Connection | None = None
        self._next_comment = 0.0

    def attach(self, socket: Any, head: bytes) -> None:
        """The response begins: from here on the connection is ours."""
        self._connection = Connection(socket, self, self.gateway.flusher, self.gateway.limits)
        self._next_comment = time.monotonic() + self.gateway.settings.sse_comment_seconds
        self.gateway.keep(self)
        self._connection.send(head + b"retry:%d\n\n" % random.randint(*RETRY_MS))

    def begin(self, joined: dict[str, Any], position: Position | None, resync: bool) -> None:
        """What comes first: joined, then resync or all that was missed. Live events follow."""
        if self.auth_session in self.gateway.parley.revoked:  # logged out while the response began
            self.revoke()
            return
        cursor = joined["cursor"]
        self.write(make_event("joined", joined, cursor=cursor))
        if position is not None:
            self.position = position.version
            self.gateway.later(self._catch_up_or_end)
            return
        if resync:
            self.write(make_event("resync", {"cursor": cursor}, cursor=cursor))
        self.gateway.later(lambda: self.go_live(self.start))

    def write(self, event: Event) -> None:
        if self._connection is not None:
            self._connection.send(event.sse)

    def backlog(self) -> int:
        return self._connection.waiting if self._connection is not None else 0

    def end(self, error: ParleyError | None, close_code: int) -> None:
        """The reader is told by an ``error`` event; a shutdown is just the end of the stream."""
        if self._connection is None or self.closed:
            return
        self.gateway.count_close(close_code)
        last = make_event("error", error.as_data()).sse if error is not None else b""
        if close_code == CloseCode.TOO_SLOW:
            self._connection.cut_short(last)
        else:
            self._connection.finish(last)
        self.leave()

    def check(self, now: float, wall: float) -> None:
        """Once a second."""
        if self._connection is None:
            return
        if self._connection.stalled(now):
            self.overflowed()
        elif wall >= self.expires_at:
            self.end(Unauthorized("The token ended."), CloseCode.UNAUTHORIZED)
        elif now >= self._next_comment:
            self._next_comment = now + self.gateway.settings.sse_comment_seconds
            self._connection.send(COMMENT)

    # --- the owner of the connection

    def received(self, data: bytes) -> None:
        """An event stream has one direction; what else the client sends is none of our business."""

    def drained(self) -> None:
        """Delivered is what the client confirms over REST."""

    def overflowed(self) -> None:
        self.gateway.count("slow_readers")
        self.end(None, CloseCode.TOO_SLOW)

    def lost(self) -> None:
        self.gone()


class _Stream(Response):
    """A response whose body is a session: headers leave as any response's, then the connection is taken over."""

    def __init__(self, session: SseSession, begin: tuple[dict[str, Any], Position | None, bool]) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"  # nginx would otherwise keep events until a buffer is full
        self.headers["Connection"] = "close"
        self._session = session
        self._begin = begin

    def __call__(self, environ: dict[str, Any], _start_response: Any) -> Any:
        self.headers.remove("Content-Length")
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        socket, _ = take_over(environ)
        self._session.attach(socket, f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1"))
        self._session.begin(*self._begin)
        raise StopIteration


class EventStreams(ServerSentEventsBlueprint):  # type: ignore[misc]
    """flask-sse's blueprint with a stream of our own. Its publish, messages and redis members have no use here: events
    come from the log alone."""

    redis = None

    def publish(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("events come from the log")

    messages = stream = publish


def install(app: Flask, parley: Container) -> None:
    """Route ``/api/v1/events``."""
    blueprint = EventStreams("events", __name__, url_prefix="/api/v1")

    @blueprint.get("/events")  # type: ignore[untyped-decorator]
    def events() -> Response:
        gateway = gateway_of(parley)
        check_origin(request, parley.settings)
        gateway.check_room()
        session = SseSession(gateway, require_caller(allow_ticket=True))
        cursor = request.headers.get("Last-Event-ID") or request.args.get("cursor")
        return _Stream(session, begin_stream(session, cursor))

    app.register_blueprint(blueprint)
