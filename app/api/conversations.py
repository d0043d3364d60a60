"""/api/v1/conversations: open, list, show and change conversations, and read their history."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.caller import require_caller, require_writer
from app.api.changes import carry_out
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container, current_gateway
from app.core.errors import Invalid
from app.core.groups import InfoPatch, NewDirect, NewGroup, changes_of
from app.services.accounts.avatars import adopt_address, place_avatar
from app.services.groups.change_group import change_info, create_group
from app.services.messaging.open_direct import open_direct

blueprint = Blueprint("conversations", __name__, url_prefix="/api/v1/conversations")

NewConversation = NewDirect | NewGroup


class ListQuery(Struct, frozen=True):
    cursor: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class HistoryQuery(Struct, frozen=True):
    before: Annotated[int, Meta(ge=1)] | None = None
    after: Annotated[int, Meta(ge=0)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


@blueprint.post("")
def create() -> Response:
    caller = require_writer()
    new: NewDirect | NewGroup = parse_body(NewConversation)  # type: ignore[arg-type]
    container, reading = current_container(), current_gateway().reading
    container.directory.check(caller.user_id, [new.user_id] if isinstance(new, NewDirect) else new.member_ids)
    if isinstance(new, NewDirect):
        opened = open_direct(
            caller.user_id,
            new.user_id,
            engine=container.engine,
            directs=reading.directs,
            limit_openings=container.limits.openings,
            carry_out=carry_out,
        )
        return json_response(reading.conversations.show(caller.user_id, opened), 201)
    if new.avatar_url is not None:
        stored = adopt_address(caller.user_id, new.avatar_url, engine=container.engine)
        new = msgspec.structs.replace(new, avatar_url=stored)
    max_members = container.settings.max_group_members
    conversation_id, prepared = create_group(
        caller.user_id,
        new,
        engine=container.engine,
        max_members=max_members,
        limit_openings=container.limits.openings,
    )
    if new.avatar_url is not None:
        place_avatar(new.avatar_url, conversation_id, engine=container.engine)
    carry_out(prepared)
    return json_response(reading.conversations.show(caller.user_id, conversation_id), 201)


@blueprint.get("")
def list_page() -> Response:
    caller = require_caller()
    query = parse_query(ListQuery)
    conversations = current_gateway().reading.conversations
    return json_response(conversations.list_page(caller.user_id, query.cursor or None, query.limit))


@blueprint.get("/<int:conversation_id>")
def show(conversation_id: int) -> Response:
    caller = require_caller()
    return json_response(current_gateway().reading.conversations.show(caller.user_id, conversation_id))


@blueprint.patch("/<int:conversation_id>")
def change(conversation_id: int) -> Response:
    caller = require_writer()
    changes = changes_of(parse_body(InfoPatch))
    if changes.get("avatarUrl"):
        engine = current_container().engine
        changes["avatarUrl"] = adopt_address(
            caller.user_id, changes["avatarUrl"], engine=engine, conversation_id=conversation_id
        )
    status = 202 if carry_out(change_info(caller.user_id, conversation_id, changes)) is None else 200
    return json_response(current_gateway().reading.conversations.show(caller.user_id, conversation_id), status)


@blueprint.get("/<int:conversation_id>/messages")
def history(conversation_id: int) -> Response:
    caller = require_caller()
    query = parse_query(HistoryQuery)
    if query.before is not None and query.after is not None:
        raise Invalid.field("before", "cannot be combined with after")
    conversations = current_gateway().reading.conversations
    return json_response(conversations.history(caller.user_id, conversation_id, query.before, query.after, query.limit))
