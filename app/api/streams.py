"""/api/v1/streams: messages that grow, over REST.

The documents of these routes are at the end of this file (app/api/documents/operations.py includes them).
"""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import Struct, field

from app.api.caller import require_caller
from app.api.changes import ack_response
from app.api.message_changes import WhichQuery, checked
from app.api.messages import send_as
from app.api.operation import LIMITED, MESSAGES, MISSING, SENT, TAKEN, Answered, Operation, stored_or_accepted
from app.api.parsing import parse_body, parse_query
from app.container import current_gateway
from app.core.change_answers import ChangeAck
from app.core.commands import AppendStream, EndStream, Seq, StartStream, StopStream
from app.core.errors import Forbidden, Stopped
from app.gateway.waiting import wait_until_done

APPEND_SECONDS = 5.0  # how long a request waits until its text was taken

blueprint = Blueprint("streams", __name__, url_prefix="/api/v1")


class AppendBody(Struct, frozen=True):
    """See AppendStream."""

    text: str
    from_: Seq = field(name="from")


class EndBody(Struct, frozen=True):
    """See EndStream."""

    message: str | None = None


@blueprint.post("/streams")
def start() -> Response:
    caller = require_caller()
    return send_as(caller.user_id, parse_body(StartStream).as_message())


@blueprint.post("/streams/<message_id>/append")
def append(message_id: str) -> Response:
    caller = require_caller()
    return append_for(caller.user_id, message_id)


def append_for(user_id: int, message_id: str) -> Response:
    """Appends the text of the request, for a member or the host's server."""
    body = parse_body(AppendBody)
    command = AppendStream(checked(message_id), body.text, body.from_)
    streams = current_gateway().messaging.streams
    wait_until_done(lambda done: streams.append(user_id, "", command, lambda _, error: done(error)), APPEND_SECONDS)
    return Response(status=204)


@blueprint.post("/streams/<message_id>/end")
def end(message_id: str) -> Response:
    caller = require_caller()
    command = EndStream(checked(message_id), parse_body(EndBody, optional=True).message)
    return ack_response(current_gateway().messaging.editor.end_stream(caller.user_id, command))


@blueprint.post("/messages/<message_id>/stop")
def stop(message_id: str) -> Response:
    caller = require_caller()
    command = StopStream(checked(message_id), parse_query(WhichQuery).conversation_id)
    return ack_response(current_gateway().messaging.editor.stop_stream(caller.user_id, command))


STREAM = "/api/v1/streams/{messageId}"
STREAM_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/api/v1/streams",
        "startStream",
        "Send a message that grows",
        MESSAGES,
        SENT,
        body=StartStream,
        errors=(Forbidden, MISSING, TAKEN, LIMITED),
    ),
    Operation(
        "POST",
        f"{STREAM}/append",
        "appendToStream",
        "Add text to your stream. A repeated call adds nothing",
        MESSAGES,
        {204: Answered("The text is there")},
        body=AppendBody,
        errors=(Forbidden, TAKEN, Stopped, LIMITED),
    ),
    Operation(
        "POST",
        f"{STREAM}/end",
        "endStream",
        "End your stream; with `message`, that is its final text",
        MESSAGES,
        stored_or_accepted(ChangeAck),
        body=EndBody,
        errors=(Forbidden, Stopped, LIMITED),
    ),
    Operation(
        "POST",
        "/api/v1/messages/{messageId}/stop",
        "stopStream",
        "End a stream of any member of your conversation",
        MESSAGES,
        stored_or_accepted(ChangeAck),
        query=WhichQuery,
        errors=(Forbidden, LIMITED),
    ),
)
