"""Errors in JSON from clients, in WebSocket frames and REST bodies: which field is wrong, and why."""

from __future__ import annotations

import ast
import re
from typing import Any

import msgspec

from app.core.errors import Invalid

# All errors of decoding: of the wrong shape, not JSON, not UTF-8, nested too deeply.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_AT = re.compile(r"(?P<what>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_LENGTH = re.compile(r"Expected `str` of length (?P<bound>[<>])= (?P<number>\d+)")
_PATTERN = re.compile(r"Expected `str` matching regex (?P<pattern>'.*'|\".*\")", re.DOTALL)
NOT_KNOWN = "is not known"

_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


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
    length = _LENGTH.fullmatch(what)
    if length:
        number = length["number"]
        what = f"must have at least {number} characters"
        if length["bound"] == "<":
            what = f"must have at most {number} characters"
    pattern = _PATTERN.fullmatch(what)
    if pattern:
        what = f"must match {standard_pattern(ast.literal_eval(pattern['pattern']))}"
    missing = _MISSING.fullmatch(what)
    if missing:
        path = f"{path}.{missing['name']}" if path else missing["name"]
        what = "is required"
    unknown = _UNKNOWN.fullmatch(what)
    if unknown:
        path = f"{path}.{unknown['name']}" if path else unknown["name"]
        what = NOT_KNOWN
    return Invalid.field(path or whole, what)


def standard_pattern(pattern: str) -> str:
    """Returns a pattern of our types as it is written outside Python: the end is ``$``, not ``\\Z``."""
    return pattern.replace(r"\Z", "$")


def refuse_nul(value: Any, whole: str) -> None:
    """Raises Invalid if a text of the value has a NUL character. ``whole`` is the field to name if that is the value.
    The value may be nested deeper than Python's own calls.
    """
    waiting = [("", value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, str):
            if "\0" in one:
                raise Invalid.field(path or whole, "contains a NUL character")
        elif isinstance(one, dict):
            for name, item in one.items():
                waiting += ((path, name), (f"{path}.{name}" if path else str(name), item))
        elif isinstance(one, list):
            waiting += ((f"{path}[{index}]", item) for index, item in enumerate(one))
