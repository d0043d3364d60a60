"""Users in a query string, where every value is text: Parley's ids and those of the host."""

from __future__ import annotations

import re

import msgspec

from app.core.commands import MAX_EXTERNAL_ID, MAX_SAFE_INTEGER
from app.core.errors import Invalid

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[^,]+')
_decode = msgspec.json.Decoder(str).decode


def user_refs(text: str, field: str, most: int) -> list[int | str]:
    """Returns the users that are named in the text, separated by commas. A number is Parley's id, any other text the
    host's. A text in double quotes (a JSON string) is always the host's, so it may consist of digits or contain commas.

    Raises Invalid for a part that cannot be an id, and for more than ``most`` users.
    """
    refs: list[int | str] = []
    at = 0
    while True:
        part = _PART.match(text, at)
        if part is None:
            raise Invalid.field(field, "ids, separated by commas")
        refs.append(_ref(part[0], field))
        if len(refs) > most:
            raise Invalid.field(field, f"names more than {most} users")
        at = part.end()
        if at == len(text):
            return refs
        if text[at] != ",":
            raise Invalid.field(field, "ids, separated by commas")
        at += 1


def _ref(part: str, field: str) -> int | str:
    if part.isascii() and part.isdigit():
        # JavaScript cannot count further than 2^53.
        if len(part) > len(str(MAX_SAFE_INTEGER)) or not 1 <= int(part) <= MAX_SAFE_INTEGER:
            raise Invalid.field(field, f"{part[:20]} is not an id")
        return int(part)
    name = _quoted(part, field) if part.startswith('"') else part
    if not 1 <= len(name) <= MAX_EXTERNAL_ID:
        raise Invalid.field(field, f"an external id has 1 to {MAX_EXTERNAL_ID} characters")
    return name


def _quoted(part: str, field: str) -> str:
    try:
        return _decode(part)
    except msgspec.DecodeError:
        raise Invalid.field(field, "not a JSON string") from None
