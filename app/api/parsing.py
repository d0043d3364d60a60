"""Parses request bodies and query strings into msgspec structs. Any input gives either the struct or an error that
names
the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from flask import Response, after_this_request, g, has_request_context, request

from app.container import current_container
from app.core.errors import UnsupportedMedia
from app.core.invalid_input import invalid_from, refuse_nul
from app.core.unknown_fields import decode_noting, refusal_of

T = TypeVar("T")

BODY = "body"  # the field that errors name if no single field is wrong


def parse_body(kind: type[T], *, optional: bool = False, allow_nul: bool = False) -> T:
    """Parses the JSON body. Types are strict. Unknown fields are ignored, and the answer names them; with
    STRICT_REQUESTS they are Invalid. If the body is optional, no body at all is like an empty object. With
    ``allow_nul``, the caller refuses NUL characters. Raises UnsupportedMedia, TooLarge or Invalid.
    """
    if optional and not request.content_length and not request.mimetype:
        return decode_json(b"{}", kind)
    if request.mimetype != "application/json":
        raise UnsupportedMedia("The body must be application/json.")
    return decode_json(request.get_data(), kind, allow_nul=allow_nul)


def decode_json(raw: bytes, kind: type[T], *, allow_nul: bool = False) -> T:
    value, unknown = decode_noting(raw, kind, BODY)
    if unknown:
        note_ignored(unknown)
    # Postgres cannot store NUL in text. JSON can contain it only as an escape, so most bodies need no second check.
    if b"\\u0000" in raw and not allow_nul:
        refuse_nul(msgspec.to_builtins(value), BODY)
    return value


def note_ignored(names: Sequence[str]) -> None:
    """Adds unknown fields to the answer of this request. Raises Invalid with STRICT_REQUESTS."""
    if not has_request_context():
        return
    if current_container().settings.strict_requests:
        raise refusal_of(names)
    noted: list[str] = g.setdefault("ignored", [])
    if not noted:
        after_this_request(partial(_with_ignored, noted))
    noted += names


def _with_ignored(names: Sequence[str], response: Response) -> Response:
    """Adds the names to an answer that is a JSON object. One without a body stays as it is."""
    body = response.get_data() if response.is_json else b""
    if body.startswith(b"{") and body.endswith(b"}"):
        comma = b"," if len(body) > len(b"{}") else b""
        response.set_data(b'%b%b"ignored":%b}' % (body[:-1], comma, msgspec.json.encode(names)))
    return response


def parse_query(kind: type[T], parameters: dict[str, str] | None = None) -> T:
    """Parses the query string, or ``parameters`` if given; numbers are parsed from text. Raises Invalid.

    A repeated parameter (``userIds=1&userIds=2``) becomes one list, separated by commas.
    """
    if parameters is None:
        parameters = {name: ",".join(values) for name, values in request.args.lists()}
    try:
        value = msgspec.convert(parameters, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_from(error, BODY) from None
    refuse_nul(msgspec.to_builtins(value), BODY)
    return value


def json_response(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, content_type="application/json")
