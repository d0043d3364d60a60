"""/api/v1/server/users: users by the host's ids, their sign-ins and suspensions."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response
from msgspec import UNSET, Struct, structs

from app.api.auth import require_local_accounts
from app.api.jwt_manager import make_access_token, make_refresh_token
from app.api.parsing import json_response, parse_body, parse_query
from app.api.server.caller import allow_batch, require_scope
from app.container import current_container
from app.core.accounts import DeletionTaken, SuspendUser
from app.core.host_users import (
    HostUser,
    HostUserFields,
    HostUsers,
    IssuedTokens,
    IssueTokens,
    ServerUserList,
)
from app.core.times import rfc3339
from app.services.host.upsert_users import UserUpserts
from app.services.host.user_access import end_sign_ins, sign_in_for_host
from app.services.host.user_views import show_host_user, user_id_of

blueprint = Blueprint("server_users", __name__, url_prefix="/api/v1/server/users")


class DeleteQuery(Struct, frozen=True):
    """``messages``: whether the texts of the user's messages stay. If it is absent, ACCOUNT_DELETION decides."""

    messages: Literal["keep", "erase"] | None = None


@blueprint.put("/<external_id:external_id>")
def put(external_id: str) -> Response:
    caller = require_scope("users")
    fields = parse_body(HostUserFields, optional=True)
    wanted = HostUser(external_id=external_id, **structs.asdict(fields))
    user, created = _upserts().upsert(wanted, server_key=caller.name)
    return json_response(user, 201 if created else 200)


@blueprint.post("")
def put_many() -> Response:
    caller = require_scope("users")
    allow_batch()
    wanted = parse_body(HostUsers).users
    return json_response(ServerUserList(_upserts().upsert_many(wanted, server_key=caller.name)))


@blueprint.get("/<external_id:external_id>")
def show(external_id: str) -> Response:
    require_scope("users", "read")
    return json_response(show_host_user(external_id, engine=current_container().engine))


@blueprint.delete("/<external_id:external_id>")
def delete(external_id: str) -> Response:
    caller = require_scope("users")
    wanted = parse_query(DeleteQuery).messages
    container = current_container()
    user_id = user_id_of(external_id, engine=container.engine)
    erase = None if wanted is None else wanted == "erase"
    container.account_deletion.delete_for_host(user_id, erase=erase, server_key=caller.name)
    return json_response(DeletionTaken("accepted"), 202)


@blueprint.post("/<external_id:external_id>/tokens")
def issue_tokens(external_id: str) -> Response:
    caller = require_scope("users")
    wanted = parse_body(IssueTokens, optional=True)
    require_local_accounts()
    container = current_container()
    made = sign_in_for_host(
        external_id,
        wanted,
        engine=container.engine,
        sessions=container.auth_sessions,
        access_token_seconds=container.settings.access_token_seconds,
        server_key=caller.name,
    )
    session = made.session
    tokens = IssuedTokens(
        access_token=make_access_token(session.user_id, session.sid, seconds=made.seconds),
        expires_at=rfc3339(made.expires_at * 1000),
        user=made.user,
        refresh_token=make_refresh_token(*session) if wanted.refresh else UNSET,
    )
    return json_response(tokens, 201)


@blueprint.post("/<external_id:external_id>/sessions/end")
def end_sessions(external_id: str) -> Response:
    caller = require_scope("users")
    container = current_container()
    ending = end_sign_ins(
        external_id, engine=container.engine, sessions=container.auth_sessions, server_key=caller.name
    )
    return Response(status=204) if ending is None else json_response(ending, 202)


@blueprint.put("/<external_id:external_id>/suspension")
def suspend(external_id: str) -> Response:
    caller = require_scope("moderation")
    wanted = parse_body(SuspendUser, optional=True)
    container = current_container()
    user_id = user_id_of(external_id, engine=container.engine)
    return json_response(container.suspensions.suspend(user_id, wanted, serverKey=caller.name))


@blueprint.delete("/<external_id:external_id>/suspension")
def lift_suspension(external_id: str) -> Response:
    caller = require_scope("moderation")
    container = current_container()
    container.suspensions.lift(user_id_of(external_id, engine=container.engine), serverKey=caller.name)
    return Response(status=204)


def _upserts() -> UserUpserts:
    container = current_container()
    visible = container.settings.presence_visible
    return UserUpserts(engine=container.engine, redis=container.redis, presence_visible=visible)
