"""/api/v1/messages: the commands of the WebSocket over REST, for SSE and long-poll clients."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from flask import Blueprint, Response
from msgspec import Meta, Struct
from msgspec.structs import replace

from app.api.caller import require_caller
from app.api.changes import sent_response
from app.api.parsing import json_response, parse_body, parse_query
from app.clock import now_ms
from app.container import current_container, current_gateway
from app.core.commands import MAX_WATCHED, EventType, Id, SendEvent, SendMessage, Seq
from app.core.commands import Typing as TypingCommand
from app.core.ids import make_uuid7
from app.core.kinds import Kind
from app.core.user_refs import user_refs
from app.gateway.waiting import wait_for_result, wait_until_done
from app.services.reading.external_ids import resolve_user_id

SHOWN_SECONDS = 5.0  # how long a request waits until typing or an event was published

blueprint = Blueprint("messages", __name__, url_prefix="/api/v1")


class UnreadQuery(Struct, frozen=True, rename="camel"):
    conversation_id: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class MarkBody(Struct, frozen=True):
    seq: Seq


class TypingBody(Struct, frozen=True):
    typing: bool


class EventBody(Struct, frozen=True):
    """See SendEvent."""

    type: EventType
    data: Any = {}


class PresenceQuery(Struct, frozen=True, rename="camel"):
    """``userIds``: Parley's ids and external ids, separated by commas (app/core/user_refs.py). Longer requests are
    refused with 414.
    """

    user_ids: Annotated[str, Meta(min_length=1, max_length=4000)]


@blueprint.post("/messages")
def send() -> Response:
    caller = require_caller()
    return send_as(caller.user_id, parse_body(SendMessage))


def send_as(user_id: int, command: SendMessage) -> Response:
    """Sends the message in the name of the user and waits for its ack."""
    container, sender = current_container(), current_gateway().messaging.sender
    if command.id is None:
        command = replace(command, id=make_uuid7(now_ms()))
    if isinstance(command.receiver_id, str):
        command = replace(command, receiver_id=resolve_user_id(command.receiver_id, engine=container.engine))
    ack = wait_for_result(
        lambda outcome: sender.send(user_id, "", command, outcome), container.settings.ack_wait_seconds
    )
    return sent_response(user_id, command, ack)


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
    wait_until_done(partial(notifier.show, caller.user_id, command), SHOWN_SECONDS)
    return Response(status=204)


@blueprint.post("/conversations/<int:conversation_id>/events")
def event(conversation_id: int) -> Response:
    caller = require_caller()
    body = parse_body(EventBody)
    command = SendEvent(conversation_id=conversation_id, type=body.type, data=body.data)
    sender = current_gateway().messaging.events
    wait_until_done(partial(sender.send, caller.user_id, command), SHOWN_SECONDS)
    return json_response({})


@blueprint.get("/presence")
def presence() -> Response:
    caller = require_caller()
    given = user_refs(parse_query(PresenceQuery).user_ids, "userIds", MAX_WATCHED)
    reader = current_gateway().reading.presence
    return json_response({"presence": reader.read(caller.user_id, reader.resolve(caller.user_id, given))})
