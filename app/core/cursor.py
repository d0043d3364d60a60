"""The resume cursor: a position in the stream of events, opaque to clients.

A position is (epoch, version). ``version`` grows strictly with every durable change (microseconds of the Redis clock,
or last + 1). ``epoch`` is one unbroken history of Redis. If Redis loses its data, a new epoch begins; a cursor of the
old one is answered with ``resync``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{1,14})", re.ASCII)


class Position(NamedTuple):
    epoch: int
    version: int


def encode_cursor(epoch: int, version: int) -> str:
    return f"{epoch:x}.{version:x}"


def respelled(cursor: str) -> str:
    """Returns another text for the same position. Of two such texts, each is the other's."""
    epoch, _, version = cursor.partition(".")
    return f"{epoch}.{version[1:] if version[0] == '0' != version else f'0{version}'}"


def decode_cursor(text: str) -> Position | None:
    """Returns None if the text is not a cursor of this server. Callers then answer ``resync``, never an error."""
    match = _FORM.fullmatch(text)
    return Position(int(match[1], 16), int(match[2], 16)) if match else None
