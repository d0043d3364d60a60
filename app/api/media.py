"""/api/v1/media: upload, and where the bytes are. What the addresses of the local storage lead to."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, Response, request

from app.api.limits import address
from app.api.multipart import MAX_FIELD, Data, Field, File, read_form
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container, current_gateway
from app.core.commands import MAX_SAFE_INTEGER
from app.core.errors import Invalid, NotFound
from app.core.ids import UUID
from app.core.media import DirectUploadView, MediaAddress, NewDirectUpload, UploadQuery, VariantQuery
from app.services.auth.authenticate import require_caller
from app.services.auth.rate_limit import limit_uploads
from app.services.media.direct_upload import Wanted, begin_direct, complete
from app.services.media.media_address import Address, address_of
from app.services.media.receive_upload import Upload, largest
from app.services.metrics.media_metrics import counting_upload

blueprint = Blueprint("media", __name__, url_prefix="/api/v1/media")


@blueprint.post("")
def upload() -> Response:
    caller = require_caller()
    parley, path = current_container(), current_gateway().path
    with counting_upload(path.counters, "form", begins=True, ends=True):
        limit_uploads(parley, address(), caller.user_id)
        place = parse_query(UploadQuery).conversation_id
        declared = min(request.content_length or 0, largest(parley))
        with parley.media.upload(), Upload(parley, path, caller.user_id, declared) as taken:
            if place is not None:
                taken.place(place)
            _read_into(taken, path.counters)
            return json_response(taken.finish(), 202)


def _read_into(taken: Upload, counters: Counter[str]) -> None:
    settings = current_container().settings
    field: str | None = None
    text = bytearray()
    form = read_form(request, most_bytes=largest(current_container()), stall_seconds=settings.upload_stall_seconds)
    for event in form:
        if isinstance(event, File):
            _check_name(event)
            field = None
            taken.begin_file(event.filename, event.headers.get("Content-Type", ""))
        elif isinstance(event, Field):
            field = event.name
            text.clear()
        elif isinstance(event, Data) and field is None:
            counters["upload_bytes"] += len(event.data)
            taken.write(event.data)
        elif isinstance(event, Data):
            text += event.data
            if len(text) > MAX_FIELD:
                raise Invalid.field("body", "a field is too long")
            if field == "conversationId" and not event.more_data:
                taken.place(_conversation_id(bytes(text)))


def _check_name(event: File) -> None:
    if event.name != "file":
        raise Invalid.field("file", "is the name of the only file")


def _conversation_id(text: bytes) -> int:
    if not text.isdigit() or not 0 < int(text) <= MAX_SAFE_INTEGER:
        raise Invalid.field("conversationId", "not an id")
    return int(text)


@blueprint.post("/direct")
def direct() -> Response:
    caller = require_caller()
    parley, path = current_container(), current_gateway().path
    with counting_upload(path.counters, "direct", begins=True, ends=False):
        limit_uploads(parley, address(), caller.user_id)
        given = parse_body(NewDirectUpload)
        wanted = Wanted(given.filename, given.content_type, given.bytes, given.conversation_id)
        begun = begin_direct(parley, path, caller.user_id, wanted)
    answer = DirectUploadView(begun.media_id, begun.upload.url, begun.upload.fields, begun.expires_at)
    return json_response(answer, 201)


@blueprint.post("/<media_id>/complete")
def completed(media_id: str) -> Response:
    caller = require_caller()
    parley, path = current_container(), current_gateway().path
    with counting_upload(path.counters, "direct", begins=False, ends=True):
        limit_uploads(parley, address(), caller.user_id)
        answer = complete(parley, path, caller.user_id, _checked_id(media_id))
    return json_response(answer, 202)


@blueprint.get("/<media_id>")
def read(media_id: str) -> Response:
    return Response(status=302, headers={"Location": _address(media_id).url})


@blueprint.get("/<media_id>/url")
def url(media_id: str) -> Response:
    found = _address(media_id)
    return json_response(MediaAddress(found.url, found.expires_at))


def _address(media_id: str) -> Address:
    caller = require_caller()
    variant = parse_query(VariantQuery).variant
    return address_of(current_container(), current_gateway().path, caller.user_id, _checked_id(media_id), variant)


def _checked_id(media_id: str) -> str:
    if UUID.fullmatch(media_id) is None:
        raise NotFound
    return media_id.lower()
