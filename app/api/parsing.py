"""Parses request bodies and query strings into msgspec structs. Any input gives either the struct or an error that
names
the field.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from flask import Response, request

from app.core.errors import Invalid, UnsupportedMedia
from app.core.invalid_input import UNDECODABLE, invalid_from

T = TypeVar("T")

BODY = "body"  # the field that errors name if no single field is wrong


def parse_body(kind: type[T]) -> T:
    """Parses the JSON body. Types are strict; unknown fields are ignored. Raises UnsupportedMedia, TooLarge or
    Invalid.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMedia("The body must be application/json.")
    return decode_json(request.get_data(), kind)


def decode_json(raw: bytes, kind: type[T]) -> T:
    try:
        value = msgspec.json.decode(raw, type=kind)
    except UNDECODABLE as error:
        raise invalid_from(error, BODY) from None
    # Postgres cannot store NUL in text. JSON can contain it only as an escape, so most bodies need no second check.
    if b"\\u0000" in raw:
        refuse_nul(msgspec.to_builtins(value), "")
    return value


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
    refuse_nul(msgspec.to_builtins(value), "")
    return value


def json_response(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, content_type="application/json")


def refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Invalid.field(path or BODY, "contains a NUL character")
    elif isinstance(value, dict):
        for name, item in value.items():
            refuse_nul(name, path)
            refuse_nul(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            refuse_nul(item, f"{path}[{index}]")
