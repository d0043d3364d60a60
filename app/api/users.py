"""/api/v1/me and /api/v1/users: profiles."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.limits import require_writer
from app.api.parsing import json_response, parse_body, parse_query
from app.core.accounts import ProfilePatch
from app.extensions import current_parley
from app.services import profile
from app.services.authenticate import require_caller

blueprint = Blueprint("users", __name__, url_prefix="/api/v1")


class UserQuery(Struct, frozen=True):
    q: Annotated[str, Meta(min_length=1, max_length=80)]


@blueprint.get("/me")
def read_me() -> Response:
    caller = require_caller()
    return json_response(profile.read_profile(current_parley(), caller.user_id))


@blueprint.patch("/me")
def change_me() -> Response:
    caller = require_writer()
    patch = parse_body(ProfilePatch)
    return json_response(profile.change_profile(current_parley(), caller.user_id, patch))


@blueprint.get("/users")
def find_users() -> Response:
    caller = require_caller()
    return json_response(profile.find_users(current_parley(), caller.user_id, parse_query(UserQuery).q))
