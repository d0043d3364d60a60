"""/api/v1/messages/{id}: edit, delete, react and switches such as pin; receipts, earlier texts, and lists of messages.

The documents of these routes are at the end of this file (app/api/documents/operations.py includes them).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.caller import require_caller
from app.api.changes import ack_response
from app.api.operation import CONVERSATION, CONVERSATIONS, MESSAGES, MISSING, Answered, Operation, stored_or_accepted
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_gateway
from app.core.change_answers import ChangeAck, EarlierTexts, MessageReceipts, PinnedMessages
from app.core.command_kinds import COMMANDS
from app.core.commands import DeleteMessage, EditMessage, Emoji, Id, React, SwitchMessage, Time
from app.core.errors import Forbidden, NotFound, Rejected
from app.core.ids import UUID
from app.core.message_answers import StarredMessages
from app.core.metadata import Metadata
from app.services.messaging.change_message import CHANGES

blueprint = Blueprint("message_changes", __name__, url_prefix="/api/v1")


class WhichQuery(Struct, frozen=True, rename="camel"):
    """Needed if the caller sees several messages with this id: it is unique only within a conversation."""

    conversation_id: Id | None = None


class DeleteQuery(Struct, frozen=True, rename="camel"):
    conversation_id: Id | None = None
    scope: Literal["everyone", "me"] = "everyone"


class ReceiptsQuery(Struct, frozen=True, rename="camel"):
    conversation_id: Id | None = None
    cursor: Annotated[str, Meta(pattern=r"^[0-9]{0,16}\Z")] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class StarredQuery(Struct, frozen=True):
    """``before``: the ``cursor`` of the previous page."""

    before: Annotated[str, Meta(pattern=r"^[0-9]{1,16}\Z")] = "9" * 16
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class EditsQuery(Struct, frozen=True, rename="camel"):
    """``before``: the ``cursor`` of the previous page."""

    conversation_id: Id | None = None
    before: Annotated[str, Meta(pattern=r"^[0-9]{1,16}\Z")] = "9" * 16


class PinsQuery(Struct, frozen=True):
    """``before``: the ``cursor`` of the previous page."""

    before: Annotated[str, Meta(pattern=r"^([0-9]{1,15}-[0-9]{1,16})?\Z")] = ""


class EditBody(Struct, frozen=True):
    """See EditMessage."""

    message: str | UnsetType = UNSET
    after: Time | None = None
    metadata: Metadata | UnsetType | None = UNSET


class EmojiOf(Struct, frozen=True):
    emoji: Emoji


class ReactionQuery(Struct, frozen=True, rename="camel"):
    """``emoji`` in the query has nothing that a client or a proxy would change in a path."""

    emoji: Emoji
    conversation_id: Id | None = None


@blueprint.patch("/messages/<message_id>")
def edit(message_id: str) -> Response:
    caller = require_caller()
    body = parse_body(EditBody)
    conversation_id = parse_query(WhichQuery).conversation_id
    command = EditMessage(checked(message_id), body.message, conversation_id, body.after, body.metadata)
    return ack_response(current_gateway().messaging.editor.edit(caller.user_id, command))


@blueprint.delete("/messages/<message_id>")
def delete(message_id: str) -> Response:
    caller = require_caller()
    query = parse_query(DeleteQuery)
    command = DeleteMessage(checked(message_id), query.scope, query.conversation_id)
    return ack_response(current_gateway().messaging.editor.delete(caller.user_id, command))


@blueprint.route("/messages/<message_id>/reactions", methods=["PUT", "DELETE"])
def react(message_id: str) -> Response:
    query = parse_query(ReactionQuery)
    return _react(message_id, query.emoji, query.conversation_id)


@blueprint.route("/messages/<message_id>/reactions/<emoji>", methods=["PUT", "DELETE"])
def react_in_path(message_id: str, emoji: str) -> Response:
    checked_emoji = parse_query(EmojiOf, {"emoji": emoji}).emoji
    return _react(message_id, checked_emoji, parse_query(WhichQuery).conversation_id)


def _react(message_id: str, emoji: str, conversation_id: int | None) -> Response:
    caller = require_caller()
    command = React(checked(message_id), emoji, request.method == "PUT", conversation_id)
    return ack_response(current_gateway().messaging.editor.react(caller.user_id, command))


def _add_switch(command: str, switch: str) -> None:
    def act(message_id: str) -> Response:
        caller = require_caller()
        asked = SwitchMessage(checked(message_id), request.method == "PUT", parse_query(WhichQuery).conversation_id)
        return ack_response(CHANGES[command](current_gateway().messaging.editor, caller.user_id, asked))

    blueprint.add_url_rule(f"/messages/<message_id>/{switch}", command, act, methods=["PUT", "DELETE"])


for _name, _command in COMMANDS.items():
    if _command.switch:
        _add_switch(_name, _command.switch)


@blueprint.get("/messages/<message_id>/receipts")
def receipts(message_id: str) -> Response:
    caller = require_caller()
    query = parse_query(ReceiptsQuery)
    after = int(query.cursor or 0)
    asked = checked(message_id), query.conversation_id
    queries = current_gateway().reading.queries
    return json_response(queries.receipts_of(caller.user_id, *asked, after, query.limit))


@blueprint.get("/messages/<message_id>/edits")
def edits(message_id: str) -> Response:
    caller = require_caller()
    query = parse_query(EditsQuery)
    asked = checked(message_id), query.conversation_id, int(query.before)
    return json_response(current_gateway().reading.queries.edits_of(caller.user_id, *asked))


@blueprint.get("/conversations/<int:conversation_id>/pins")
def pins(conversation_id: int) -> Response:
    caller = require_caller()
    before = parse_query(PinsQuery).before
    return json_response(current_gateway().reading.queries.pins_of(caller.user_id, conversation_id, before))


@blueprint.get("/starred")
def starred() -> Response:
    caller = require_caller()
    query = parse_query(StarredQuery)
    queries = current_gateway().reading.queries
    return json_response(queries.starred(caller.user_id, int(query.before), query.limit))


def checked(message_id: str) -> str:
    """Returns the id. Raises NotFound if it is not a UUID."""
    if UUID.fullmatch(message_id) is None:
        raise NotFound
    return message_id


def _of_message(method: str, path: str, name: str, summary: str, **more: Any) -> Operation:
    more.setdefault("answers", stored_or_accepted(ChangeAck))
    more.setdefault("errors", (MISSING, Forbidden))
    more.setdefault("query", WhichQuery)
    return Operation(method, "/api/v1/messages/{messageId}" + path, name, summary, MESSAGES, **more)


MESSAGE_OPERATIONS: tuple[Operation, ...] = (
    _of_message(
        "PATCH",
        "",
        "editMessage",
        "Change the text of your own message",
        body=EditBody,
        errors=(MISSING, Forbidden, Rejected),
    ),
    _of_message("DELETE", "", "deleteMessage", "Delete for everyone, or only for yourself", query=DeleteQuery),
    _of_message("PUT", "/reactions", "react", "React to a message", query=ReactionQuery),
    _of_message("DELETE", "/reactions", "takeBackReaction", "Take a reaction back", query=ReactionQuery),
    _of_message("PUT", "/reactions/{emoji}", "reactInPath", "The same, with the emoji in the path"),
    _of_message("DELETE", "/reactions/{emoji}", "takeBackReactionInPath", "The same, with the emoji in the path"),
    *(
        _of_message(method, f"/{command.switch}", f"{prefix}{command.switch}Message", command.summary)
        for command in COMMANDS.values()
        if command.switch
        for method, prefix in (("PUT", ""), ("DELETE", "un"))
    ),
    _of_message(
        "GET",
        "/receipts",
        "readReceipts",
        "Who has received the message, and who has read it",
        query=ReceiptsQuery,
        answers={200: Answered("Counts, and a page of members", MessageReceipts)},
        errors=(MISSING,),
    ),
    _of_message(
        "GET",
        "/edits",
        "readEdits",
        "The earlier texts of a message; only for its author and admins",
        query=EditsQuery,
        answers={200: Answered("The newest, oldest first", EarlierTexts)},
    ),
    Operation(
        "GET",
        f"{CONVERSATION}/pins",
        "listPins",
        "The pinned messages of a conversation",
        CONVERSATIONS,
        {200: Answered("A page of them", PinnedMessages)},
        errors=(MISSING,),
        query=PinsQuery,
    ),
    Operation(
        "GET",
        "/api/v1/starred",
        "listStarred",
        "Your starred messages, last starred first",
        MESSAGES,
        {200: Answered("A page of them", StarredMessages)},
        query=StarredQuery,
    ),
)
