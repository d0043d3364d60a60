"""/api/v1/me and /api/v1/users: profiles."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.caller import require_caller, require_writer
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container
from app.core.accounts import ProfilePatch
from app.core.errors import Invalid
from app.core.user_refs import user_refs
from app.services.accounts import profile
from app.services.reading.external_ids import find_user_ids

MAX_SHOWN = 100

blueprint = Blueprint("users", __name__, url_prefix="/api/v1")


class UserQuery(Struct, frozen=True):
    """Either ``q``, the beginning of a name, or ``ids``: at most 100 of Parley's ids or external ids, separated by
    commas (app/core/user_refs.py).
    """

    q: Annotated[str, Meta(min_length=1, max_length=80)] | None = None
    ids: Annotated[str, Meta(min_length=1)] | None = None


@blueprint.get("/me")
def read_me() -> Response:
    caller = require_caller()
    return json_response(profile.read_profile(caller.user_id, engine=current_container().engine))


@blueprint.patch("/me")
def change_me() -> Response:
    caller = require_writer()
    patch = parse_body(ProfilePatch)
    container = current_container()
    return json_response(profile.change_profile(caller.user_id, patch, engine=container.engine, redis=container.redis))


@blueprint.get("/users")
def find_users() -> Response:
    caller = require_caller()
    query = parse_query(UserQuery)
    engine, directory = current_container().engine, current_container().directory
    if query.ids is not None:
        given = user_refs(query.ids, "ids", MAX_SHOWN)
        named = find_user_ids(given, engine=engine)
        ids = [user for one in given if (user := named.get(one) if isinstance(one, str) else one)]
        return json_response(profile.show_users(caller.user_id, ids, engine=engine, directory=directory))
    if query.q is None:
        raise Invalid.field("q", "is required")
    return json_response(profile.find_users(caller.user_id, query.q, engine=engine, directory=directory))
