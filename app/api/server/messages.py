"""/api/v1/server/messages: messages that the host's server sends, changes and reads."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.changes import ack_response, carry_out, sent_answer, sent_response
from app.api.message_changes import checked
from app.api.parsing import json_response, note_ignored, parse_body, parse_query
from app.api.server.caller import allow_batch, require_scope
from app.container import current_container, current_gateway
from app.core.commands import EditMessage, ExternalId
from app.core.errors import Invalid, ParleyError
from app.core.host_messages import HostBatch, HostEdit, HostSend
from app.core.unknown_fields import take_unknown
from app.gateway.submit_in_order import Begin, submit_in_order
from app.services.host.read_messages import HostReader
from app.services.host.references import conversation_of
from app.services.host.send_messages import HostMessage, MessagePreparer

blueprint = Blueprint("server_messages", __name__, url_prefix="/api/v1/server")


class WhichMessage(Struct, frozen=True):
    """``conversation`` is needed if several conversations have a message of this id."""

    conversation: ExternalId | None = None


class HostHistoryQuery(Struct, frozen=True):
    """At most one of ``before`` and ``after`` may be given."""

    before: Annotated[int, Meta(ge=1)] | None = None
    after: Annotated[int, Meta(ge=0)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


@blueprint.post("/messages")
def send() -> Response:
    require_scope("messages")
    prepared = _preparer().prepare(parse_body(HostSend))
    [result] = submit_in_order([_begin(prepared)], current_container().settings.ack_wait_seconds)
    if isinstance(result, ParleyError):
        raise result
    return sent_response(prepared.sender_id, prepared.command, result)


@blueprint.post("/messages/batch")
def send_many() -> Response:
    require_scope("messages")
    allow_batch()
    messages = parse_body(HostBatch, allow_nul=True).messages
    _note_unknown(messages)
    prepared = _preparer().prepare_many(messages)
    sends = [one for one in prepared if isinstance(one, HostMessage)]
    results = iter(submit_in_order(list(map(_begin, sends)), current_container().settings.ack_wait_seconds))
    answers = [one.as_problem() if isinstance(one, ParleyError) else _answer(one, next(results)) for one in prepared]
    return json_response({"results": answers})


@blueprint.patch("/messages/<message_id>")
def edit(message_id: str) -> Response:
    require_scope("messages")
    wanted = parse_body(HostEdit)
    reader = _reader()
    found = reader.find_present(checked(message_id), _place())
    command = EditMessage(found.view["id"], wanted.message, metadata=wanted.metadata)
    editor = current_gateway().messaging.editor
    return ack_response(editor.edit_for_host(reader.name_of_change(found.view), found, command))


@blueprint.delete("/messages/<message_id>")
def delete(message_id: str) -> Response:
    require_scope("messages")
    reader = _reader()
    found = reader.find(checked(message_id), _place())
    editor = current_gateway().messaging.editor
    return ack_response(editor.delete_for_host(reader.name_of_change(found.view), found))


@blueprint.get("/conversations/<external_id:external_id>/messages")
def history(external_id: str) -> Response:
    require_scope("messages", "read")
    query = parse_query(HostHistoryQuery)
    if query.before is not None and query.after is not None:
        raise Invalid.field("before", "cannot be combined with after")
    found = conversation_of(external_id, engine=current_container().engine)
    return json_response(_reader().history(found.id, query.before, query.after, query.limit))


def _note_unknown(messages: list[Any]) -> None:
    """Removes the fields that messages do not have, and names them like ``messages[2].colour``. Raises Invalid with
    STRICT_REQUESTS.
    """
    names = [f"messages[{at}].{name}" for at, one in enumerate(messages) for name in take_unknown(one, HostSend)]
    if names:
        note_ignored(names)


def _place() -> int | None:
    named = parse_query(WhichMessage).conversation
    return None if named is None else conversation_of(named, engine=current_container().engine).id


def _begin(message: HostMessage) -> Begin:
    sender_id, command, silent = message
    send_for_host = current_gateway().messaging.sender.send_for_host
    return partial(send_for_host, sender_id, command, silent=silent)


def _answer(message: HostMessage, result: Any) -> Any:
    if isinstance(result, ParleyError):
        return result.as_problem()
    return sent_answer(message.sender_id, message.command, result)


def _preparer() -> MessagePreparer:
    container = current_container()
    return MessagePreparer(
        engine=container.engine,
        directs=current_gateway().reading.directs,
        max_text=container.settings.max_text,
        carry_out=carry_out,
    )


def _reader() -> HostReader:
    container = current_container()
    return HostReader(engine=container.engine, shards=container.shards, directs=current_gateway().reading.directs)
