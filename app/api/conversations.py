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
from app.core.commands import ExternalId, Time
from app.core.errors import Invalid
from app.core.groups import InfoPatch, NewDirect, NewGroup, changes_of
from app.core.ids import UUID_PATTERN
from app.core.times import ms_of_time
from app.services.accounts.avatars import adopt_address, place_avatar
from app.services.groups.change_group import change_info, create_group
from app.services.messaging.open_direct import open_direct
from app.services.reading.external_ids import resolve_user_id, resolve_user_ids

blueprint = Blueprint("conversations", __name__, url_prefix="/api/v1/conversations")

NewConversation = NewDirect | NewGroup


class ListQuery(Struct, frozen=True, rename="camel"):
    """``externalId``: only the conversation with this id of the host, if you are in it."""

    external_id: ExternalId | None = None
    cursor: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class HistoryQuery(Struct, frozen=True):
    """At most one of the places. ``around``: the seq or the id of a message. ``at``: a date or an RFC 3339 time."""

    before: Annotated[int, Meta(ge=1)] | None = None
    after: Annotated[int, Meta(ge=0)] | None = None
    around: Annotated[str, Meta(pattern=rf"{UUID_PATTERN}|^[1-9][0-9]{{0,14}}\Z")] | None = None
    at: Time | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50

    def check(self) -> None:
        """Raises Invalid if there is more than one place."""
        places = {"before": self.before, "after": self.after, "around": self.around, "at": self.at}
        given = [name for name, place in places.items() if place is not None]
        if len(given) > 1:
            raise Invalid.field(given[0], f"cannot be combined with {given[1]}")


@blueprint.post("")
def create() -> Response:
    caller = require_writer()
    new: NewDirect | NewGroup = parse_body(NewConversation)  # type: ignore[arg-type]
    container, reading = current_container(), current_gateway().reading
    if isinstance(new, NewDirect):
        user_id = resolve_user_id(new.user_id, engine=container.engine)
        container.directory.check(caller.user_id, [user_id])
        opened = open_direct(
            caller.user_id,
            user_id,
            engine=container.engine,
            directs=reading.directs,
            requests=reading.requests,
            check_opening=container.policy.check_open_direct,
            limit_openings=container.limits.openings,
            carry_out=carry_out,
        )
        return json_response(reading.conversations.show(caller.user_id, opened), 201)
    members = resolve_user_ids(new.member_ids, engine=container.engine)
    container.directory.check(caller.user_id, members)
    container.policy.check_add(caller.user_id, members, None)
    if new.avatar_url is not None:
        stored = adopt_address(caller.user_id, new.avatar_url, engine=container.engine)
        new = msgspec.structs.replace(new, avatar_url=stored)
    max_members = container.settings.max_group_members
    conversation_id, prepared = create_group(
        caller.user_id,
        new,
        members,
        engine=container.engine,
        requests=reading.requests,
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
    if query.external_id is not None:
        return json_response({"conversations": conversations.with_external_id(caller.user_id, query.external_id)})
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
    query.check()
    around, conversations = current_gateway().reading.around, current_gateway().reading.conversations
    if query.around is not None:
        return json_response(around.around_message(caller.user_id, conversation_id, query.around, query.limit))
    if query.at is not None:
        at_ms = ms_of_time(query.at, "at")
        return json_response(around.around_time(caller.user_id, conversation_id, at_ms, query.limit))
    return json_response(conversations.history(caller.user_id, conversation_id, query.before, query.after, query.limit))
