"""/api/v1/messages: the commands of the WebSocket over REST, for SSE and long-poll clients."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct
from msgspec.structs import replace

from app.api.caller import require_caller
from app.api.parsing import json_response, parse_body, parse_query
from app.clock import now_ms
from app.container import current_container, current_gateway
from app.core.commands import Id, SendMessage, Seq
from app.core.commands import Typing as TypingCommand
from app.core.errors import Overloaded
from app.core.ids import make_uuid7
from app.core.kinds import Kind
from app.gateway.waiting import wait_for_result
from app.services.reading.accepted_message import accepted_message

TYPING_SECONDS = 5.0  # how long a request waits until typing was shown

blueprint = Blueprint("messages", __name__, url_prefix="/api/v1")


class UnreadQuery(Struct, frozen=True, rename="camel"):
    conversation_id: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class MarkBody(Struct, frozen=True):
    seq: Seq


class TypingBody(Struct, frozen=True):
    typing: bool


class PresenceQuery(Struct, frozen=True, rename="camel"):
    # Ids of at most 15 digits, because JavaScript cannot count further than 2^53. Longer requests are refused with 414.
    user_ids: Annotated[str, Meta(pattern=r"^[1-9]\d{0,14}(,[1-9]\d{0,14})*$", max_length=4000)]


@blueprint.post("/messages")
def send() -> Response:
    caller = require_caller()
    command = parse_body(SendMessage)
    if command.id is None:
        command = replace(command, id=make_uuid7(now_ms()))
    container, gateway = current_container(), current_gateway()
    ack = wait_for_result(
        lambda outcome: gateway.messaging.sender.send(caller.user_id, "", command, outcome),
        container.settings.ack_wait_seconds,
    )
    if ack is None:
        directs = gateway.reading.directs
        return json_response(accepted_message(caller.user_id, command, redis=container.redis, directs=directs), 202)
    return json_response(ack, 201)


@blueprint.get("/messages/unread")
def unread() -> Response:
    caller = require_caller()
    query = parse_query(UnreadQuery)
    return json_response(current_gateway().reading.fetch_unread(caller.user_id, query.conversation_id, query.limit))


@blueprint.post("/conversations/<int:conversation_id>/delivered")
def delivered(conversation_id: int) -> Response:
    return _mark(Kind.DELIVERED, conversation_id)


@blueprint.post("/conversations/<int:conversation_id>/read")
def read(conversation_id: int) -> Response:
    return _mark(Kind.READ, conversation_id)


def _mark(kind: Kind, conversation_id: int) -> Response:
    caller = require_caller()
    body = parse_body(MarkBody)
    marks = current_gateway().messaging.marks
    ack = wait_for_result(
        lambda outcome: marks.move(kind, caller.user_id, conversation_id, body.seq, outcome),
        current_container().settings.ack_wait_seconds,
    )
    if ack is None:
        return json_response({"conversationId": conversation_id, "seq": body.seq, "status": "accepted"}, 202)
    return json_response(ack)


@blueprint.post("/conversations/<int:conversation_id>/typing")
def typing(conversation_id: int) -> Response:
    caller = require_caller()
    command = TypingCommand(typing=parse_body(TypingBody).typing, conversation_id=conversation_id)
    notifier = current_gateway().messaging.typing
    shown = wait_for_result(
        lambda outcome: notifier.show(caller.user_id, command, lambda error: outcome(True, error)), TYPING_SECONDS
    )
    if shown is None:
        raise Overloaded
    return Response(status=204)


@blueprint.get("/presence")
def presence() -> Response:
    caller = require_caller()
    ids = [int(part) for part in parse_query(PresenceQuery).user_ids.split(",")]
    return json_response({"presence": current_gateway().reading.presence.read(caller.user_id, ids)})
