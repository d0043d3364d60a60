"""Pictures of users and groups: uploads, and the public addresses that viewers load.

The addresses need no token, because browsers send none for pictures. Their ids cannot be guessed.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response, request

from app.api.caller import address, require_writer
from app.api.changes import carry_out
from app.api.multipart import Data, File, read_form
from app.api.parsing import json_response
from app.container import current_container, current_gateway
from app.core.avatars import MAX_AVATAR_BYTES, address_of
from app.core.errors import Invalid, NotFound, TooLarge, UnsupportedMedia
from app.core.ids import UUID
from app.services.accounts.avatars import add_upload, read_picture
from app.services.accounts.profile import set_avatar
from app.services.groups.change_group import change_info

blueprint = Blueprint("avatars", __name__, url_prefix="/api/v1")

# A picture is usually processed in half a second. If no worker is free by then, the answer does not wait.
WAIT_SECONDS = 20.0
POLL_SECONDS = 0.1
POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


@blueprint.get("/avatars/<avatar_id>")
def show(avatar_id: str) -> Response:
    """Answers 404 until the picture is processed, and for one that cannot be shown."""
    if UUID.fullmatch(avatar_id) is None:
        raise NotFound
    _, picture = read_picture(avatar_id, engine=current_container().engine)
    if picture is None:
        raise NotFound
    response = Response(picture, content_type="image/jpeg")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.put("/me/avatar")
def change_mine() -> Response:
    caller = require_writer()
    made = _uploaded(caller.user_id)
    container = current_container()
    return json_response(set_avatar(caller.user_id, made, engine=container.engine, redis=container.redis))


@blueprint.put("/conversations/<int:conversation_id>/avatar")
def change_group(conversation_id: int) -> Response:
    caller = require_writer()
    conversations = current_gateway().reading.conversations
    conversations.show(caller.user_id, conversation_id)
    made = _uploaded(caller.user_id, conversation_id)
    carry_out(change_info(caller.user_id, conversation_id, {"avatarUrl": made}))
    return json_response(conversations.show(caller.user_id, conversation_id))


def _uploaded(user_id: int, conversation_id: int | None = None) -> str:
    """Returns the address of the picture in the form. Raises UnsupportedMedia if it cannot be shown."""
    container = current_container()
    container.limits.uploads(address(), user_id)
    avatar_id = add_upload(user_id, _file(), engine=container.engine, conversation_id=conversation_id)
    until = time.monotonic() + WAIT_SECONDS
    state = "waiting"
    while state == "waiting" and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        state, _ = read_picture(avatar_id, engine=container.engine)
    if state == "failed":
        raise UnsupportedMedia("The picture cannot be shown: it is damaged or too large.")
    return address_of(avatar_id)


def _file() -> bytes:
    stall_seconds = current_container().settings.upload_stall_seconds
    data = bytearray()
    name = None
    for event in read_form(request, max_bytes=MAX_AVATAR_BYTES, stall_seconds=stall_seconds):
        if isinstance(event, File):
            name = event.name
        elif isinstance(event, Data) and name == "file":
            data += event.data
            if len(data) > MAX_AVATAR_BYTES:
                raise TooLarge
    if not data:
        raise Invalid.field("file", "is required")
    return bytes(data)
