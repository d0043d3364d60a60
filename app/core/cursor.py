"""The resume cursor: a position in the stream of events, opaque to clients.

A position is (epoch, version). ``version`` grows strictly with every durable change (microseconds of the Redis clock,
or last + 1). ``epoch`` names one unbroken history of Redis: where Redis lost its data a new epoch begins, and a cursor
of the old one cannot be resumed from, only answered with ``resync``.
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


def decode_cursor(text: str) -> Position | None:
    """None where the text is not one of our cursors: the caller answers ``resync``, never an error."""
    match = _FORM.fullmatch(text)
    return Position(int(match[1], 16), int(match[2], 16)) if match else None
