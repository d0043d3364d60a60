"""/api/v1/messages/{id}: edit, delete, react, pin, and who has it."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.changes import ack_response
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_gateway
from app.core.commands import DeleteMessage, EditMessage, Emoji, Id, React, SwitchMessage
from app.core.errors import NotFound
from app.core.ids import UUID
from app.services.auth.authenticate import require_caller
from app.services.messaging import change_message
from app.services.reading.message_queries import edits_of, pins_of, receipts_of

blueprint = Blueprint("message_changes", __name__, url_prefix="/api/v1")


class WhichQuery(Struct, frozen=True, rename="camel"):
    """Needed where one sees several messages of this id: it is unique within a conversation."""

    conversation_id: Id | None = None


class DeleteQuery(Struct, frozen=True, rename="camel"):
    conversation_id: Id | None = None
    scope: Literal["everyone", "me"] = "everyone"


class ReceiptsQuery(Struct, frozen=True, rename="camel"):
    conversation_id: Id | None = None
    cursor: Annotated[str, Meta(pattern=r"^\d{0,16}$")] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class EditBody(Struct, frozen=True):
    message: str


class EmojiOf(Struct, frozen=True):
    emoji: Emoji


@blueprint.patch("/messages/<message_id>")
def edit(message_id: str) -> Response:
    caller = require_caller()
    body = parse_body(EditBody)
    command = EditMessage(checked(message_id), body.message, parse_query(WhichQuery).conversation_id)
    return ack_response(change_message.edit_message(current_gateway().path, caller.user_id, command))


@blueprint.delete("/messages/<message_id>")
def delete(message_id: str) -> Response:
    caller = require_caller()
    query = parse_query(DeleteQuery)
    command = DeleteMessage(checked(message_id), query.scope, query.conversation_id)
    return ack_response(change_message.delete_message(current_gateway().path, caller.user_id, command))


@blueprint.put("/messages/<message_id>/reactions/<emoji>")
def react(message_id: str, emoji: str) -> Response:
    return _react(message_id, emoji, True)


@blueprint.delete("/messages/<message_id>/reactions/<emoji>")
def take_back(message_id: str, emoji: str) -> Response:
    return _react(message_id, emoji, False)


def _react(message_id: str, emoji: str, on: bool) -> Response:
    caller = require_caller()
    checked_emoji = parse_query(EmojiOf, {"emoji": emoji}).emoji
    command = React(checked(message_id), checked_emoji, on, parse_query(WhichQuery).conversation_id)
    return ack_response(change_message.react(current_gateway().path, caller.user_id, command))


@blueprint.put("/messages/<message_id>/pin")
def pin(message_id: str) -> Response:
    return _pin(message_id, True)


@blueprint.delete("/messages/<message_id>/pin")
def unpin(message_id: str) -> Response:
    return _pin(message_id, False)


def _pin(message_id: str, on: bool) -> Response:
    caller = require_caller()
    command = SwitchMessage(checked(message_id), on, parse_query(WhichQuery).conversation_id)
    return ack_response(change_message.pin_message(current_gateway().path, caller.user_id, command))


@blueprint.get("/messages/<message_id>/receipts")
def receipts(message_id: str) -> Response:
    caller = require_caller()
    query = parse_query(ReceiptsQuery)
    path, after = current_gateway().path, int(query.cursor or 0)
    asked = checked(message_id), query.conversation_id
    return json_response(receipts_of(path, caller.user_id, *asked, after, query.limit))


@blueprint.get("/messages/<message_id>/edits")
def edits(message_id: str) -> Response:
    caller = require_caller()
    asked = checked(message_id), parse_query(WhichQuery).conversation_id
    return json_response(edits_of(current_gateway().path, caller.user_id, *asked))


@blueprint.get("/conversations/<int:conversation_id>/pins")
def pins(conversation_id: int) -> Response:
    caller = require_caller()
    return json_response(pins_of(current_gateway().path, caller.user_id, conversation_id))


def checked(message_id: str) -> str:
    """Raise NotFound for what is no message's id."""
    if UUID.fullmatch(message_id) is None:
        raise NotFound
    return message_id
