"""/media/local: serves the signed addresses of the local storage. Only in development.

Strangers uploaded these bytes. The browser must treat them as the content type in the address, must run none of their
code, and must save everything that is not an image, sound or video.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from app.api.caller import address
from app.api.multipart import MAX_FIELD, Data, Field, File, read_form
from app.container import current_container
from app.core.errors import Conflict, Invalid, NotFound, Overloaded, TooLarge
from app.media.local_storage import LocalStorage
from app.media.registry import LOCAL
from app.media.signed import read_signed
from app.media.storage import StorageError
from app.services.media.receive_upload import max_file_bytes

blueprint = Blueprint("local_media", __name__, url_prefix="/media/local")

SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


@blueprint.get("/<name>")
def read(name: str) -> Response:
    """Serves a file, or the requested ranges of it. Expired addresses get 404."""
    claims = _claims(request.args.get("token", ""))
    path = _storage().path(name)
    if claims.get("n") != name or not path.is_file():
        raise NotFound
    try:
        response = send_file(
            path.absolute(),
            mimetype=claims["t"],
            as_attachment=claims["a"],
            download_name=claims["f"],
            conditional=True,
        )
    except RequestedRangeNotSatisfiable as error:
        return Response(status=416, headers={"Content-Range": f"bytes */{error.length}"})
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = f"private, max-age={max(0, int(claims['exp'] - time.time()))}, immutable"
    return response


@blueprint.post("")
def write() -> Response:
    """Receives a direct upload: the signed ``token``, then the ``file``. A second upload with one token gets 409."""
    events = _events()
    claims = _claims(_token(events))
    if "up" not in claims:
        raise NotFound
    current_container().limits.uploads(address(), int(claims["u"]))
    try:
        _storage().write(str(claims["up"]), _file(events, int(claims["b"])), once=True)
    except FileExistsError:
        raise Conflict("This signature has already been used for an upload.") from None
    except StorageError as error:
        raise Overloaded(error.reason, retry_after=error.retry_after or 5.0) from error
    return Response(status=201)


def _storage() -> LocalStorage:
    storage = current_container().media.get(LOCAL)
    if not isinstance(storage, LocalStorage):
        raise NotFound
    return storage


def _claims(token: str) -> dict[str, Any]:
    _storage()
    claims = read_signed(current_container().settings.keys, token, time.time())
    if claims is None:
        raise NotFound
    return claims


def _events() -> Iterator[Any]:
    settings = current_container().settings
    limit = max_file_bytes(settings)
    return read_form(request, max_bytes=limit, stall_seconds=settings.upload_stall_seconds)


def _token(events: Iterator[Any]) -> str:
    text = bytearray()
    name = ""
    for event in events:
        if isinstance(event, Field):
            name = event.name
        elif isinstance(event, File):
            raise Invalid.field("file", "must come after the token")
        elif isinstance(event, Data) and name == "token":
            text += event.data
            if len(text) > MAX_FIELD:
                raise Invalid.field("token", "is too long")
            if not event.more_data:
                return text.decode("ascii", "replace")
    raise Invalid.field("token", "is required")


def _file(events: Iterator[Any], signed_bytes: int) -> Iterator[bytes]:
    """Yields the file. Raises TooLarge or Invalid unless it has exactly the signed size."""
    size = 0
    for event in events:
        if isinstance(event, Data):
            size += len(event.data)
            if size > signed_bytes:
                raise TooLarge
            yield event.data
    if size != signed_bytes:
        raise Invalid.field("file", f"has {size} bytes, not {signed_bytes}")
