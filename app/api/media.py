"""/api/v1/media: receives uploads and returns the addresses of media."""

from __future__ import annotations

from collections import Counter
from functools import partial

import gevent
from flask import Blueprint, Response, request

from app.api.caller import address, require_caller
from app.api.multipart import MAX_FIELD, Data, Field, File, filename_of, read_form
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container, current_gateway
from app.core.commands import MAX_SAFE_INTEGER
from app.core.errors import Invalid, NotFound
from app.core.ids import UUID
from app.core.media import DirectUploadView, MediaAddress, NewDirectUpload, UploadQuery, VariantQuery
from app.services.media.direct_upload import Wanted, begin_direct, complete
from app.services.media.media_address import Address, address_of
from app.services.media.receive_upload import ReadMemberships, Upload, max_file_bytes
from app.services.metrics.media_metrics import counting_upload
from app.services.reading.memberships import memberships_now

blueprint = Blueprint("media", __name__, url_prefix="/api/v1/media")


@blueprint.post("")
def upload() -> Response:
    caller = require_caller()
    container, counters = current_container(), current_gateway().activity.counters
    with counting_upload(counters, "form", begins=True, ends=True):
        container.limits.uploads(address(), caller.user_id)
        place = parse_query(UploadQuery).conversation_id
        with container.media.upload_slot(caller.user_id), _new_upload(caller.user_id) as started:
            if place is not None:
                started.place(place)
            _read_into(started, counters)
            return json_response(started.finish(), 202)


def _new_upload(user_id: int) -> Upload:
    container = current_container()
    largest = max_file_bytes(container.settings)
    return Upload(
        user_id,
        min(request.content_length or largest, largest),
        engine=container.engine,
        settings=container.settings,
        storages=container.media,
        memberships=_memberships(),
        pause=gevent.sleep,
    )


def _memberships() -> ReadMemberships:
    container = current_container()
    return partial(memberships_now, engine=container.engine, shards=container.shards, some=True)


def _read_into(started: Upload, counters: Counter[str]) -> None:
    settings = current_container().settings
    field: str | None = None
    text = bytearray()
    form = read_form(request, max_bytes=max_file_bytes(settings), stall_seconds=settings.upload_stall_seconds)
    for event in form:
        if isinstance(event, File):
            _check_name(event)
            field = None
            started.begin_file(filename_of(event), event.headers.get("Content-Type", ""))
        elif isinstance(event, Field):
            field = event.name
            text.clear()
        elif isinstance(event, Data) and field is None:
            counters["upload_bytes"] += len(event.data)
            started.write(event.data)
        elif isinstance(event, Data):
            text += event.data
            if len(text) > MAX_FIELD:
                raise Invalid.field("body", "a field is too long")
            if field == "conversationId" and not event.more_data:
                started.place(_conversation_id(bytes(text)))


def _check_name(event: File) -> None:
    if event.name != "file":
        raise Invalid.field("file", "the form field of the file must have this name")


def _conversation_id(text: bytes) -> int:
    if not text.isdigit() or not 0 < int(text) <= MAX_SAFE_INTEGER:
        raise Invalid.field("conversationId", "not an id")
    return int(text)


@blueprint.post("/direct")
def direct() -> Response:
    caller = require_caller()
    container = current_container()
    with counting_upload(current_gateway().activity.counters, "direct", begins=True, ends=False):
        container.limits.uploads(address(), caller.user_id)
        given = parse_body(NewDirectUpload)
        begun = begin_direct(
            caller.user_id,
            Wanted(given.filename, given.content_type, given.bytes, given.conversation_id),
            engine=container.engine,
            settings=container.settings,
            storages=container.media,
            memberships=_memberships(),
        )
    answer = DirectUploadView(begun.media_id, _mounted(begun.upload.url), begun.upload.fields, begun.expires_at)
    return json_response(answer, 201)


@blueprint.post("/<media_id>/complete")
def completed(media_id: str) -> Response:
    caller = require_caller()
    container = current_container()
    with counting_upload(current_gateway().activity.counters, "direct", begins=False, ends=True):
        container.limits.uploads(address(), caller.user_id)
        answer = complete(
            caller.user_id,
            _checked_id(media_id),
            engine=container.engine,
            storages=container.media,
            memberships=_memberships(),
        )
    return json_response(answer, 202)


@blueprint.get("/<media_id>")
def read(media_id: str) -> Response:
    return Response(status=302, headers={"Location": _mounted(_address(media_id).url)})


@blueprint.get("/<media_id>/url")
def url(media_id: str) -> Response:
    found = _address(media_id)
    return json_response(MediaAddress(_mounted(found.url), found.expires_at))


def _mounted(url: str) -> str:
    """The local storage's addresses are paths of this server, which may be mounted below a prefix."""
    return request.script_root + url if url.startswith("/") else url


def _address(media_id: str) -> Address:
    caller = require_caller()
    variant = parse_query(VariantQuery).variant
    container = current_container()
    return address_of(
        caller.user_id,
        _checked_id(media_id),
        variant,
        engine=container.engine,
        storages=container.media,
        memberships=_memberships(),
        valid_seconds=container.settings.media_url_seconds,
    )


def _checked_id(media_id: str) -> str:
    if UUID.fullmatch(media_id) is None:
        raise NotFound
    return media_id.lower()
