"""Routes the three transports."""

from __future__ import annotations

from flask import Flask

from app.container import Container
from app.gateway.gateway import Gateway
from app.transports import longpoll, sse, websocket
from app.transports.burst import Bursts
from app.transports.command_session import CommandServices
from app.transports.connection_protocol import Limits
from app.transports.flusher import Flusher
from app.transports.long_poll_fast_path import LongPollFastPath
from app.transports.shard_burst import ShardBursts


def install(app: Flask, container: Container, gateway: Gateway) -> None:
    settings, messaging, reading = container.settings, gateway.messaging, gateway.reading
    services = CommandServices(
        sender=messaging.sender,
        editor=messaging.editor,
        changes=messaging.changes,
        marks=messaging.marks,
        typing=messaging.typing,
        events=messaging.events,
        streams=messaging.streams,
        presence=reading.presence,
        fetch_unread=reading.fetch_unread,
        verify_token=container.authenticator.verify,
        strict=settings.strict_requests,
    )
    flusher = Flusher()
    hubs = gateway.sessions.hubs
    for number, hub in enumerate(hubs):
        hub.offer_to_many = (ShardBursts(flusher, number) if len(hubs) > 1 else Bursts(flusher)).offer
    limits = Limits(settings.outbox_events, settings.outbox_bytes, settings.write_stall_seconds)
    websocket.install(app, gateway, services, settings, flusher, limits, authenticator=container.authenticator)
    sse.install(app, gateway, settings, container.revoked, flusher, limits)
    polls = longpoll.install(app, gateway, limits)
    app.wsgi_app = LongPollFastPath(  # type: ignore[method-assign]
        app.wsgi_app, polls, verified_before=container.authenticator.verified_before, settings=settings
    )
