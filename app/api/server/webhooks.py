"""/api/v1/server/webhooks and /api/v1/server/events: events for the host's servers."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.parsing import json_response, parse_body, parse_query
from app.api.server.caller import require_scope
from app.container import current_container
from app.core.errors import Overloaded
from app.core.webhooks import (
    DEFAULT_DELIVERIES,
    DEFAULT_EVENTS,
    MAX_DELIVERIES,
    MAX_EVENTS,
    DeliveryState,
    NewWebhook,
    ReplayTaken,
    ReplayWebhook,
    WebhookPatch,
)
from app.services.webhooks.manage_webhooks import Webhooks
from app.services.webhooks.read_feed import read_feed
from app.services.webhooks.webhook_sender import private_hosts
from app.task_queue import wake_webhooks

MAX_WAIT_SECONDS = 25

blueprint = Blueprint("server_webhooks", __name__, url_prefix="/api/v1/server")


class DeliveriesQuery(Struct, frozen=True):
    state: DeliveryState | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_DELIVERIES)] = DEFAULT_DELIVERIES


class FeedQuery(Struct, frozen=True):
    """``types`` are separated by commas. ``wait``: seconds to wait if there is no event yet."""

    cursor: str | None = None
    wait: Annotated[float, Meta(ge=0, le=MAX_WAIT_SECONDS)] = 0
    types: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_EVENTS)] = DEFAULT_EVENTS


@blueprint.post("/webhooks")
def add() -> Response:
    caller = require_scope("webhooks")
    return json_response(_webhooks().add(parse_body(NewWebhook), server_key=caller.name), 201)


@blueprint.get("/webhooks")
def show_all() -> Response:
    require_scope("webhooks", "read")
    return json_response(_webhooks().list())


@blueprint.patch("/webhooks/<int:webhook_id>")
def change(webhook_id: int) -> Response:
    caller = require_scope("webhooks")
    return json_response(_webhooks().change(webhook_id, parse_body(WebhookPatch), server_key=caller.name))


@blueprint.delete("/webhooks/<int:webhook_id>")
def delete(webhook_id: int) -> Response:
    caller = require_scope("webhooks")
    _webhooks().delete(webhook_id, server_key=caller.name)
    return Response(status=204)


@blueprint.get("/webhooks/<int:webhook_id>/deliveries")
def deliveries(webhook_id: int) -> Response:
    require_scope("webhooks", "read")
    query = parse_query(DeliveriesQuery)
    return json_response(_webhooks().deliveries(webhook_id, query.state, query.cursor, query.limit))


@blueprint.post("/webhooks/<int:webhook_id>/replay")
def replay(webhook_id: int) -> Response:
    caller = require_scope("webhooks")
    if not _webhooks().replay(webhook_id, parse_body(ReplayWebhook).after, server_key=caller.name):
        raise Overloaded("There are many deliveries: call again.", retry_after=0.1)
    return json_response(ReplayTaken(status="accepted"), 202)


@blueprint.get("/events")
def events() -> Response:
    require_scope("read", "webhooks")
    query = parse_query(FeedQuery)
    found = read_feed(query.cursor, query.types, query.limit, query.wait, engine=current_container().engine)
    return json_response(found)


def _webhooks() -> Webhooks:
    container = current_container()
    return Webhooks(engine=container.engine, private_hosts=private_hosts(container.settings), wake=wake_webhooks)
