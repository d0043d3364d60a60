"""Three writers of one session: WebSocket, server-sent events, long-poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.container import Container


def install(app: Flask, parley: Container) -> None:
    """Set ``parley.gateway`` and route the transports. The gateway listens once app/transports/lifecycle.py starts
    it.
    """
    from app.transports import long_poll_fast_path, longpoll, sse, websocket  # noqa: PLC0415 - after the gateway's class is known
    from app.transports.gateway import Gateway  # noqa: PLC0415

    parley.gateway = Gateway(parley)
    websocket.install(app, parley)
    sse.install(app, parley)
    polls = longpoll.install(app, parley.gateway)
    app.wsgi_app = long_poll_fast_path.LongPollFastPath(app.wsgi_app, parley, polls)  # type: ignore[method-assign]
