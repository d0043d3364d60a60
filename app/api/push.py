"""/api/v1/push: where notifications go, and what they say."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.api.limits import require_writer
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container
from app.core.push import (
    NewDevice,
    NewSubscription,
    PushSettingsPatch,
    VapidKey,
    WhichDevice,
    WhichSubscription,
)
from app.services.auth.authenticate import require_caller
from app.services.push.push_settings import change_settings, show_outbox, show_settings
from app.services.push.register_push import forget_address, forget_target, register_device, register_subscription
from app.services.push.vapid_key import public_key

blueprint = Blueprint("push", __name__, url_prefix="/api/v1/push")


@blueprint.get("/vapid-key")
def vapid_key() -> Response:
    require_caller()
    parley = current_container()
    return json_response(VapidKey(public_key(parley.settings, parley.engine)))


@blueprint.post("/subscriptions")
def subscribe() -> Response:
    caller = require_writer()
    return json_response(register_subscription(current_container(), caller, parse_body(NewSubscription)), 201)


@blueprint.delete("/subscriptions")
def unsubscribe() -> Response:
    """The endpoint may stand in the query: not every client can send a body with DELETE."""
    caller = require_writer()
    which = parse_query(WhichSubscription) if request.args else parse_body(WhichSubscription)
    forget_address(current_container(), caller.user_id, "browser", which.endpoint)
    return Response(status=204)


@blueprint.delete("/subscriptions/<int:target_id>")
def unsubscribe_one(target_id: int) -> Response:
    caller = require_writer()
    forget_target(current_container(), caller.user_id, target_id, browser=True)
    return Response(status=204)


@blueprint.post("/devices")
def add_device() -> Response:
    caller = require_writer()
    return json_response(register_device(current_container(), caller, parse_body(NewDevice)), 201)


@blueprint.delete("/devices")
def remove_device() -> Response:
    """Likewise with the token."""
    caller = require_writer()
    which = parse_query(WhichDevice) if request.args else parse_body(WhichDevice)
    forget_address(current_container(), caller.user_id, "device", which.token)
    return Response(status=204)


@blueprint.delete("/devices/<int:target_id>")
def remove_one_device(target_id: int) -> Response:
    caller = require_writer()
    forget_target(current_container(), caller.user_id, target_id, browser=False)
    return Response(status=204)


@blueprint.get("/settings")
def settings() -> Response:
    return json_response(show_settings(current_container(), require_caller().user_id))


@blueprint.patch("/settings")
def set_settings() -> Response:
    caller = require_writer()
    return json_response(change_settings(current_container(), caller.user_id, parse_body(PushSettingsPatch)))


@blueprint.get("/outbox")
def outbox() -> Response:
    """In development alone: what the local twin was given for the caller."""
    return json_response(show_outbox(current_container(), require_caller().user_id))
