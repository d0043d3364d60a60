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
from app.core.groups import MAX_NAMED, RoleBody, UsersBody
from app.core.records import SettingsBody
from app.core.user_refs import user_refs
from app.services.groups.change_group import give_role, leave_group, remove_members
from app.services.messaging.own_changes import change_settings
from app.services.messaging.prepared import Prepared
from app.services.reading.external_ids import resolve_user_ids

blueprint = Blueprint("members", __name__, url_prefix="/api/v1/conversations/<int:conversation_id>")


class MembersQuery(Struct, frozen=True):
    """``q``: only members whose username, or a word of whose display name, begins with it."""

    cursor: Annotated[str, Meta(pattern=r"^[0-9]{0,16}\Z")] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    q: Annotated[str, Meta(max_length=80)] = ""


class MuteBody(Struct, rename="camel", frozen=True):
    """``until`` is the end of the mute; null unmutes. With ``exceptMentions``, mentions of the member still notify."""

    until: datetime | None = None
    except_mentions: bool = False


class ArchiveBody(Struct, frozen=True):
    archived: bool


class PinBody(Struct, frozen=True):
    pinned: bool


class UsersQuery(Struct, frozen=True, rename="camel"):
    """``userId``, or ``userIds`` separated by commas (app/core/user_refs.py)."""

    user_ids: str | None = None
    user_id: str | None = None


@blueprint.get("/members")
def page(conversation_id: int) -> Response:
    caller = require_caller()
    query = parse_query(MembersQuery)
    conversations = current_gateway().reading.conversations
    after = int(query.cursor or 0)
    return json_response(conversations.page_members(caller.user_id, conversation_id, after, query.limit, query.q))


@blueprint.post("/members")
def add(conversation_id: int) -> Response:
    caller = require_writer()
    user_ids = _resolved(parse_body(UsersBody))
    container = current_container()
    container.directory.check(caller.user_id, user_ids)
    container.policy.check_add(caller.user_id, user_ids, conversation_id)
    added = current_gateway().members.prepare(caller.user_id, conversation_id, user_ids)
    return _changed(conversation_id, added)


@blueprint.delete("/members")
def remove(conversation_id: int) -> Response:
    """Takes the user ids from the body or the query, because some clients cannot send a body with DELETE."""
    caller = require_writer()
    body = _named_in_query() if request.args else parse_body(UsersBody)
    return _changed(conversation_id, remove_members(caller.user_id, conversation_id, _resolved(body)))


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


def _named_in_query() -> UsersBody:
    query = parse_query(UsersQuery)
    several = query.user_ids and user_refs(query.user_ids, "userIds", MAX_NAMED)
    one = query.user_id and user_refs(query.user_id, "userId", 1)
    return UsersBody(user_ids=[*(several or ()), *(one or ())])


def _resolved(body: UsersBody) -> list[int]:
    return resolve_user_ids(body.ids(), engine=current_container().engine)


def _set(user_id: int, conversation_id: int, settings: SettingsBody) -> Response:
    return _changed(conversation_id, change_settings(user_id, conversation_id, settings))


def _changed(conversation_id: int, prepared: Prepared) -> Response:
    """Answers with the changed conversation; with status 202 if the store did not confirm the change in time."""
    status = 202 if carry_out(prepared) is None else 200
    user_id = prepared.operation.user_id
    return json_response(current_gateway().reading.conversations.show(user_id, conversation_id), status)
