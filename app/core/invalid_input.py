"""Errors in JSON from clients, in WebSocket frames and REST bodies: which field is wrong, and why."""

from __future__ import annotations

import re

import msgspec

from app.core.errors import Invalid

# All errors of decoding: of the wrong shape, not JSON, not UTF-8, nested too deeply.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_AT = re.compile(r"(?P<what>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")


def invalid_from(error: Exception, whole: str) -> Invalid:
    """Turns one of ``UNDECODABLE`` into Invalid. ``whole`` is the field to name if no single field is wrong."""
    if isinstance(error, RecursionError):
        return Invalid.field(whole, "nested too deeply")
    if isinstance(error, msgspec.ValidationError):
        return _misshapen(str(error), whole)
    return Invalid.field(whole, "not valid JSON in UTF-8")


def _misshapen(message: str, whole: str) -> Invalid:
    """msgspec says ``Expected `str`, got `int` - at `$.a.b[0]```; clients get the field as ``a.b[0]``."""
    located = _AT.fullmatch(message)
    what, path = (located["what"], located["path"].lstrip(".")) if located else (message, "")
    missing = _MISSING.fullmatch(what)
    if missing:
        path = f"{path}.{missing['name']}" if path else missing["name"]
        what = "is required"
    return Invalid.field(path or whole, what)
