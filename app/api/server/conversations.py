"""/api/v1/server/conversations: conversations by the host's ids, their members and messages."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.changes import carry_out
from app.api.parsing import json_response, parse_body
from app.api.server.caller import allow_batch, require_scope
from app.container import current_container, current_gateway
from app.core.accounts import DeletionTaken
from app.core.host_conversations import HostConversationPatch, HostMembers, members_of
from app.services.host.delete_conversation import delete_conversation
from app.services.host.put_conversation import ConversationWriter
from app.services.host.references import conversation_of
from app.services.host.show_conversation import show_conversation
from app.services.host.user_views import user_id_of

blueprint = Blueprint("server_conversations", __name__, url_prefix="/api/v1/server/conversations")


@blueprint.put("/<external_id:external_id>")
def put(external_id: str) -> Response:
    require_scope("conversations")
    allow_batch()
    done = _writer().put(external_id, parse_body(HostConversationPatch))
    status = 201 if done.created else 200
    return _shown(done.conversation_id, status if done.stored else 202)


@blueprint.patch("/<external_id:external_id>")
def change(external_id: str) -> Response:
    require_scope("conversations")
    allow_batch()
    wanted = parse_body(HostConversationPatch)
    done = _writer().change(conversation_of(external_id, engine=current_container().engine), wanted)
    return _shown(done.conversation_id, 200 if done.stored else 202)


@blueprint.get("/<external_id:external_id>")
def show(external_id: str) -> Response:
    require_scope("conversations", "read")
    return _shown(external_id, 200)


@blueprint.delete("/<external_id:external_id>")
def delete(external_id: str) -> Response:
    caller = require_scope("conversations")
    container = current_container()
    delete_conversation(
        conversation_of(external_id, engine=container.engine),
        engine=container.engine,
        shards=container.shards,
        writer=_writer(),
        carry_out=carry_out,
        server_key=caller.name,
    )
    return json_response(DeletionTaken("accepted"), 202)


@blueprint.post("/<external_id:external_id>/members")
def add_members(external_id: str) -> Response:
    require_scope("conversations")
    allow_batch()
    members = members_of(parse_body(HostMembers).members)
    found = conversation_of(external_id, engine=current_container().engine)
    return _shown(found.id, 200 if _writer().add(found, members) else 202)


@blueprint.delete("/<external_id:external_id>/members/<external_id:user_external_id>")
def remove_member(external_id: str, user_external_id: str) -> Response:
    require_scope("conversations")
    engine = current_container().engine
    found = conversation_of(external_id, engine=engine)
    gone = user_id_of(user_external_id, engine=engine)
    return _shown(found.id, 200 if _writer().remove(found, [gone]) else 202)


def _shown(given: str | int, status: int) -> Response:
    container = current_container()
    return json_response(show_conversation(given, engine=container.engine, shards=container.shards), status)


def _writer() -> ConversationWriter:
    container, reading = current_container(), current_gateway().reading
    return ConversationWriter(
        engine=container.engine,
        shards=container.shards,
        conversations=reading.cache,
        directs=reading.directs,
        max_members=container.settings.max_group_members,
        carry_out=carry_out,
    )
