"""Python lists as Postgres array literals.

psycopg's own dumper takes 1–2 µs per element, and a batch of 100 messages has 1,500 elements. A literal is one
parameter of type unknown, which the statement casts. In a batch of 100, this takes 7.0 µs of client CPU per message;
psycopg's lists take 25.7 µs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec


def int_array(values: Iterable[int]) -> str:
    """Returns an array of integers. Raises TypeError for other types, so that no text gets in without quotes."""
    return "{" + ",".join(map(int.__repr__, values)) + "}"


def text_array(values: Iterable[str | None]) -> str:
    """Returns an array of texts and NULLs, quoted and escaped."""
    texts = tuple(values)
    whole = [text for text in texts if text is not None]
    if whole and len(whole) == len(texts):
        joined = '","'.join(whole)
        if "\\" not in joined and joined.count('"') == 2 * len(whole) - 2:  # nothing to escape
            return f'{{"{joined}"}}'
    return "{" + ",".join(map(_quoted, texts)) + "}"


def bool_array(values: Iterable[bool]) -> str:
    return text_array("t" if value else "f" for value in values)


def json_array(values: Iterable[Any]) -> str:
    """Returns an array of JSON documents."""
    return text_array(msgspec.json.encode(value).decode() for value in values)


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if '"' in value:
        value = value.replace('"', '\\"')
    return f'"{value}"'
