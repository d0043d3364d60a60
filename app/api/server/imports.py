"""/api/v1/server/imports: users, conversations and messages in bulk, with their dates."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request
from gevent import Timeout
from werkzeug.exceptions import RequestEntityTooLarge

from app.api.parsing import json_response
from app.api.server.caller import require_scope
from app.container import current_container
from app.core.errors import Invalid, TooLarge, UnsupportedMedia
from app.core.imports import ImportTaken
from app.services.imports.receive_import import receive_import, show_import
from app.task_queue import enqueue_import

blueprint = Blueprint("server_imports", __name__, url_prefix="/api/v1/server/imports")

READ_BYTES = 64 * 1024
# There is no registered type for lines of JSON, so clients use several.
TYPES = frozenset({
    "", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
    "application/json-seq", "application/json", "application/octet-stream", "text/plain",
})  # fmt: skip


@blueprint.post("")
def begin() -> Response:
    caller = require_scope("import")
    if request.mimetype not in TYPES:
        raise UnsupportedMedia("The body must be application/x-ndjson: one JSON object per line.")
    container = current_container()
    settings = container.settings
    blocks = _blocks(settings.import_max_bytes, settings.upload_stall_seconds)
    import_id = receive_import(blocks, engine=container.engine, server_key=caller.name)
    enqueue_import(import_id)
    return json_response(ImportTaken(import_id=import_id), 202)


@blueprint.get("/<import_id>")
def show(import_id: str) -> Response:
    require_scope("import", "read")
    return json_response(show_import(import_id, engine=current_container().engine))


def _blocks(max_bytes: int, stall_seconds: float) -> Iterator[bytes]:
    """Yields the body as it arrives. Raises TooLarge; Invalid if less than 64 KiB arrive within ``stall_seconds``."""
    request.max_content_length = max_bytes
    try:
        while True:
            with Timeout(stall_seconds, Invalid.field("body", f"less than 64 KiB arrived in {stall_seconds:g} s")):
                block = request.stream.read(READ_BYTES)
            if not block:
                return
            yield block
    except RequestEntityTooLarge:
        raise TooLarge(f"The body has more than {max_bytes} bytes.") from None
