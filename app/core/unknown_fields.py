"""Fields of a request that its type does not have. The server carries the request out and names them in the answer, or
(STRICT_REQUESTS) refuses it.

The types of commands forbid unknown fields (app/core/commands.py), so a command without any is decoded once. Other
bodies are searched for unknown fields after they are decoded, which takes about a microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from app.core.errors import Invalid
from app.core.invalid_input import NOT_KNOWN, UNDECODABLE, invalid_from

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


class NotedRef(str):
    """The ``ref`` of a command that had unknown fields, for its answer. ``given`` is None if the client sent no ref."""

    given: str | None
    ignored: Sequence[str]

    def __new__(cls, given: str | None, ignored: Sequence[str]) -> NotedRef:
        made = super().__new__(cls, given or "")
        made.given, made.ignored = given, ignored
        return made


def decode_noting(raw: bytes, kind: type[T], whole: str) -> tuple[T, Sequence[str]]:
    """Returns the request, and the names of fields that its type does not have. Raises Invalid; ``whole`` is the field
    to name if no single field is wrong.
    """
    try:
        value = msgspec.json.decode(raw, type=kind)
        if is_strict(kind):
            return value, ()
        names = take_unknown(msgspec.json.decode(raw), kind)
    except UNDECODABLE as error:
        refusal = invalid_from(error, whole)
        if not is_about_unknown(refusal):
            raise refusal from None
        return _decode_known(raw, kind, whole)
    return value, names


def _decode_known(raw: bytes, kind: type[T], whole: str) -> tuple[T, Sequence[str]]:
    try:
        plain = msgspec.json.decode(raw)
        names = take_unknown(plain, kind)
        return msgspec.json.decode(_encode(plain), type=kind), names
    except UNDECODABLE as error:
        raise invalid_from(error, whole) from None


def is_strict(kind: Any) -> bool:
    return bool(getattr(getattr(kind, "__struct_config__", None), "forbid_unknown_fields", False))


def is_about_unknown(error: Invalid) -> bool:
    return any(wrong["message"] == NOT_KNOWN for wrong in error.extra["errors"])


def refusal_of(names: Sequence[str]) -> Invalid:
    errors = [{"field": name, "message": NOT_KNOWN} for name in names]
    return Invalid(f"{names[0]}: {NOT_KNOWN}", errors=errors)


def take_unknown(value: Any, kind: Any) -> list[str]:
    """Removes the fields that ``kind`` does not have from decoded JSON, also in nested objects. Returns their names."""
    names: list[str] = []
    _take(value, _type_info(kind), "", names)
    return names


_type_info = lru_cache(inspect.type_info)


def _take(value: Any, info: inspect.Type, path: str, names: list[str]) -> None:
    if isinstance(info, inspect.UnionType):
        info = _chosen(value, info)
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        known = {field.encode_name: field.type for field in info.fields}
        for name in list(value):
            where = f"{path}.{name}" if path else name
            if name in known:
                _take(value[name], known[name], where, names)
            elif name != info.tag_field:
                names.append(where)
                del value[name]
    elif isinstance(info, inspect.ListType) and isinstance(value, list):
        for index, item in enumerate(value):
            _take(item, info.item_type, f"{path}[{index}]", names)


def _chosen(value: Any, union: inspect.UnionType) -> inspect.Type:
    """Returns the type of the union that an object or a list has."""
    if isinstance(value, list):
        return next((one for one in union.types if isinstance(one, inspect.ListType)), union)
    if not isinstance(value, dict):
        return union
    structs = [one for one in union.types if isinstance(one, inspect.StructType)]
    named = (one for one in structs if one.tag_field is None or value.get(one.tag_field) == one.tag)
    return next(named, union)
