"""/api/v1/conversations/{id}: data that only the caller sees, such as their draft."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, Response, request
from msgspec import Meta, Struct

from app.api.caller import require_caller
from app.api.changes import ack_response
from app.api.operation import CONVERSATION, CONVERSATIONS, LIMITED, MISSING, Answered, Operation, stored_or_accepted
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_gateway
from app.core.change_answers import ClearAck, OwnAck
from app.core.commands import ClearConversation, MarkUnread, Seq, SetDraft, Uuid
from app.core.errors import Forbidden
from app.core.message_answers import MediaMessages

blueprint = Blueprint("own_views", __name__, url_prefix="/api/v1/conversations/<int:conversation_id>")


class DraftPut(Struct, frozen=True, rename="camel"):
    """``replyTo``: the message that the draft answers."""

    message: str = ""
    reply_to: Uuid | None = None


class ClearPost(Struct, frozen=True):
    """See ClearConversation."""

    seq: Seq | None = None
    remove: bool = False


class MediaQuery(Struct, frozen=True):
    """``before``: the ``cursor`` of the previous page."""

    kind: Annotated[
        str, Meta(pattern=r"^[a-z]+(,[a-z]+){0,3}\Z", description="link, or some of image, video, audio, file")
    ]
    before: Annotated[str, Meta(pattern=r"^[0-9.]{0,80}\Z")] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


@blueprint.put("/draft")
def set_draft(conversation_id: int) -> Response:
    caller = require_caller()
    body = parse_body(DraftPut)
    return _set_draft(caller.user_id, SetDraft(conversation_id, body.message, body.reply_to))


@blueprint.delete("/draft")
def delete_draft(conversation_id: int) -> Response:
    return _set_draft(require_caller().user_id, SetDraft(conversation_id))


@blueprint.route("/unread", methods=["PUT", "DELETE"])
def mark_unread(conversation_id: int) -> Response:
    caller = require_caller()
    command = MarkUnread(conversation_id, request.method == "PUT")
    return ack_response(current_gateway().messaging.editor.mark_unread(caller.user_id, command))


@blueprint.post("/clear")
def clear(conversation_id: int) -> Response:
    caller = require_caller()
    body = parse_body(ClearPost)
    command = ClearConversation(conversation_id, body.seq, body.remove)
    return ack_response(current_gateway().messaging.editor.clear_conversation(caller.user_id, command))


@blueprint.get("/media")
def media(conversation_id: int) -> Response:
    caller = require_caller()
    query = parse_query(MediaQuery)
    listed = current_gateway().reading.media
    return json_response(listed.page(caller.user_id, conversation_id, query.kind, query.before, query.limit))


def _set_draft(user_id: int, command: SetDraft) -> Response:
    return ack_response(current_gateway().messaging.editor.set_draft(user_id, command))


def _of_own_view(method: str, path: str, name: str, summary: str, ack: type[Struct] = OwnAck, **more: Any) -> Operation:
    more.setdefault("errors", (MISSING, LIMITED))
    return Operation(method, CONVERSATION + path, name, summary, CONVERSATIONS, stored_or_accepted(ack), **more)


OWN_OPERATIONS: tuple[Operation, ...] = (
    _of_own_view(
        "PUT", "/draft", "setDraft", "Keep what you have begun to write, for your other devices", body=DraftPut
    ),
    _of_own_view("DELETE", "/draft", "deleteDraft", "Delete your draft. Without a draft, nothing changes"),
    _of_own_view("PUT", "/unread", "markUnread", "Show a conversation as unread on your own devices"),
    _of_own_view("DELETE", "/unread", "unmarkUnread", "Stop showing a conversation as unread, unless it is"),
    _of_own_view(
        "POST",
        "/clear",
        "clearConversation",
        "Remove the messages up to `seq` from your own view; with `remove`, a direct conversation also from your list",
        ClearAck,
        body=ClearPost,
        errors=(MISSING, LIMITED, Forbidden),
    ),
    Operation(
        "GET",
        f"{CONVERSATION}/media",
        "listMedia",
        "The messages of a conversation that have pictures, videos, recordings, files or links",
        CONVERSATIONS,
        {200: Answered("A page of them, newest first", MediaMessages)},
        errors=(MISSING,),
        query=MediaQuery,
    ),
)
