"""/api/v1/server/streams: messages that grow, written by the host's server."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response

from app.api.changes import ack_response, sent_response
from app.api.message_changes import checked
from app.api.parsing import parse_body
from app.api.server.caller import require_scope
from app.api.streams import EndBody, append_for
from app.clock import now_ms
from app.container import current_container, current_gateway
from app.core.commands import EndStream
from app.core.host_streams import HostStream
from app.core.ids import make_uuid7
from app.core.records import HOST
from app.gateway.waiting import wait_for_result
from app.services.host.references import require_conversation, resolve_user
from app.store.engine import reading

blueprint = Blueprint("server_streams", __name__, url_prefix="/api/v1/server/streams")


@blueprint.post("")
def start() -> Response:
    require_scope("messages")
    wanted = parse_body(HostStream)
    container, gateway = current_container(), current_gateway()
    with reading(container.engine) as connection:
        conversation = require_conversation(connection, wanted.conversation, "conversation")
        sender_id = resolve_user(connection, wanted.sender, "sender")
    command = wanted.as_message(make_uuid7(now_ms()), conversation.id)
    send = partial(gateway.messaging.sender.send_for_host, sender_id, command, submitted=lambda: None, silent=False)
    ack = wait_for_result(send, container.settings.ack_wait_seconds)
    return sent_response(sender_id, command, ack)


@blueprint.post("/<message_id>/append")
def append(message_id: str) -> Response:
    require_scope("messages")
    return append_for(HOST, message_id)


@blueprint.post("/<message_id>/end")
def end(message_id: str) -> Response:
    require_scope("messages")
    command = EndStream(checked(message_id), parse_body(EndBody, optional=True).message)
    return ack_response(current_gateway().messaging.editor.end_stream(HOST, command))
