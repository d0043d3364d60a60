"""/api/v1/limits: the limits that clients apply before they send. Public, so a sign-up form can read them too."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.parsing import json_response
from app.container import current_container
from app.services.client_limits import client_limits

blueprint = Blueprint("server_limits", __name__, url_prefix="/api/v1")


@blueprint.get("/limits")
def limits() -> Response:
    container = current_container()
    return json_response(client_limits(container.settings, media=container.media.is_on))
