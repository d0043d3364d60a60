"""/api/v1/push: registers push targets, and reads and changes notification settings."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.api.caller import require_caller, require_writer
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container
from app.core.push import (
    BROWSER,
    NewDevice,
    NewSubscription,
    PushSettingsPatch,
    VapidKey,
    WhichDevice,
    WhichSubscription,
)
from app.push.registry import endpoint_rules
from app.requested_language import requested_language
from app.services.push.push_outbox import show_outbox
from app.services.push.push_settings import change_settings, show_settings
from app.services.push.register_push import forget_address, forget_target, register_device, register_subscription
from app.services.push.vapid_key import public_key

blueprint = Blueprint("push", __name__, url_prefix="/api/v1/push")


@blueprint.get("/vapid-key")
def vapid_key() -> Response:
    require_caller()
    container = current_container()
    return json_response(VapidKey(public_key(container.settings, container.engine)))


@blueprint.post("/subscriptions")
def subscribe() -> Response:
    caller, container = require_writer(), current_container()
    new = parse_body(NewSubscription)
    rules = endpoint_rules(container.settings)
    language = requested_language()
    registered = register_subscription(caller, new, engine=container.engine, rules=rules, language=language)
    return json_response(registered, 201)


@blueprint.delete("/subscriptions")
def unsubscribe() -> Response:
    """Takes the endpoint from the body or the query, because some clients cannot send a body with DELETE."""
    caller = require_writer()
    which = parse_query(WhichSubscription) if request.args else parse_body(WhichSubscription)
    forget_address(caller.user_id, BROWSER, which.endpoint, engine=current_container().engine)
    return Response(status=204)


@blueprint.delete("/subscriptions/<int:target_id>")
def unsubscribe_one(target_id: int) -> Response:
    caller = require_writer()
    forget_target(caller.user_id, target_id, browser=True, engine=current_container().engine)
    return Response(status=204)


@blueprint.post("/devices")
def add_device() -> Response:
    caller, container = require_writer(), current_container()
    new = parse_body(NewDevice)
    platforms, language = container.push.platforms, requested_language()
    registered = register_device(caller, new, engine=container.engine, platforms=platforms, language=language)
    return json_response(registered, 201)


@blueprint.delete("/devices")
def remove_device() -> Response:
    """Takes the token from the body or the query."""
    caller = require_writer()
    which = parse_query(WhichDevice) if request.args else parse_body(WhichDevice)
    forget_address(caller.user_id, "device", which.token, engine=current_container().engine)
    return Response(status=204)


@blueprint.delete("/devices/<int:target_id>")
def remove_one_device(target_id: int) -> Response:
    caller = require_writer()
    forget_target(caller.user_id, target_id, browser=False, engine=current_container().engine)
    return Response(status=204)


@blueprint.get("/settings")
def settings() -> Response:
    return json_response(show_settings(require_caller().user_id, engine=current_container().engine))


@blueprint.patch("/settings")
def set_settings() -> Response:
    caller = require_writer()
    patch = parse_body(PushSettingsPatch)
    return json_response(change_settings(caller.user_id, patch, engine=current_container().engine))


@blueprint.get("/outbox")
def outbox() -> Response:
    """Returns the caller's notifications that the local twin received. Only in development."""
    user_id, container = require_caller().user_id, current_container()
    return json_response(show_outbox(user_id, redis=container.redis, app_env=container.settings.app_env))
