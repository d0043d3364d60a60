"""/api/v1/conversations/{id}/members, and the settings of a single member: leave, mute, archive, pin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from flask import Blueprint, Response, request
from msgspec import Meta, Struct

from app.api.caller import require_caller, require_writer
from app.api.changes import carry_out
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container, current_gateway
from app.core.groups import RoleBody, UsersBody
from app.core.records import SettingsBody
from app.services.groups.change_group import give_role, leave_group, remove_members
from app.services.messaging.change_message import Prepared, change_settings

blueprint = Blueprint("members", __name__, url_prefix="/api/v1/conversations/<int:conversation_id>")


class MembersQuery(Struct, frozen=True):
    cursor: Annotated[str, Meta(pattern=r"^\d{0,16}$")] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class MuteBody(Struct, rename="camel", frozen=True):
    """``until`` is the end of the mute; null unmutes. With ``exceptMentions``, mentions of the member still notify."""

    until: datetime | None = None
    except_mentions: bool = False


class ArchiveBody(Struct, frozen=True):
    archived: bool


class PinBody(Struct, frozen=True):
    pinned: bool


@blueprint.get("/members")
def page(conversation_id: int) -> Response:
    caller = require_caller()
    query = parse_query(MembersQuery)
    conversations = current_gateway().reading.conversations
    after = int(query.cursor or 0)
    return json_response(conversations.page_members(caller.user_id, conversation_id, after, query.limit))


@blueprint.post("/members")
def add(conversation_id: int) -> Response:
    caller = require_writer()
    user_ids = parse_body(UsersBody).ids()
    current_container().directory.check(caller.user_id, user_ids)
    added = current_gateway().members.prepare(caller.user_id, conversation_id, user_ids)
    return _changed(conversation_id, added)


@blueprint.delete("/members")
def remove(conversation_id: int) -> Response:
    """Takes the user ids from the body or the query, because some clients cannot send a body with DELETE."""
    caller = require_writer()
    body = parse_query(UsersBody) if request.args else parse_body(UsersBody)
    return _changed(conversation_id, remove_members(caller.user_id, conversation_id, body.ids()))


@blueprint.delete("/members/<int:user_id>")
def remove_one(conversation_id: int, user_id: int) -> Response:
    caller = require_writer()
    return _changed(conversation_id, remove_members(caller.user_id, conversation_id, [user_id]))


@blueprint.patch("/members/<int:user_id>")
def change_role(conversation_id: int, user_id: int) -> Response:
    caller = require_writer()
    role = parse_body(RoleBody).role
    return _changed(conversation_id, give_role(caller.user_id, conversation_id, user_id, role))


@blueprint.post("/leave")
def leave(conversation_id: int) -> Response:
    carry_out(leave_group(require_writer().user_id, conversation_id))
    return Response(status=204)


@blueprint.put("/mute")
def mute(conversation_id: int) -> Response:
    caller = require_writer()
    body = parse_body(MuteBody)
    until = body.until
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    muted = max(int(until.timestamp() * 1000), 0) if until is not None else 0
    return _set(caller.user_id, conversation_id, SettingsBody(muted_until=muted, except_mentions=body.except_mentions))


@blueprint.put("/archive")
def archive(conversation_id: int) -> Response:
    caller = require_writer()
    return _set(caller.user_id, conversation_id, SettingsBody(archived=parse_body(ArchiveBody).archived))


@blueprint.put("/pin")
def pin(conversation_id: int) -> Response:
    caller = require_writer()
    return _set(caller.user_id, conversation_id, SettingsBody(pinned=parse_body(PinBody).pinned))


def _set(user_id: int, conversation_id: int, settings: SettingsBody) -> Response:
    return _changed(conversation_id, change_settings(user_id, conversation_id, settings))


def _changed(conversation_id: int, prepared: Prepared) -> Response:
    """Answers with the changed conversation; with status 202 if the store did not confirm the change in time."""
    status = 202 if carry_out(prepared) is None else 200
    user_id = prepared.operation.user_id
    return json_response(current_gateway().reading.conversations.show(user_id, conversation_id), status)
