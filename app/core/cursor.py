"""The resume cursor: a position in the stream of events, opaque to clients.

A position is (epoch, version). ``version`` grows strictly with every durable change (microseconds of the Redis clock,
or last + 1). ``epoch`` is one unbroken history of Redis. If Redis loses its data, a new epoch begins; a cursor of the
old one is answered with ``resync``.

If there are several shards, a cursor has a position in each. It contains the newest version, and for each shard the
distance to it. Each distance takes as many bits as the largest one needs. Epochs are named only if they differ from
the most common one.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_FORM = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{1,14})", re.ASCII)
_NUMBER = re.compile(r"[0-9a-f]{1,2}", re.ASCII)
MAX_DOUBLINGS = 6  # 64 shards
MAX_BITS = 56  # of a version


class Position(NamedTuple):
    epoch: int
    version: int


def encode_cursor(epoch: int, version: int) -> str:
    return f"{epoch:x}.{version:x}"


def respelled(cursor: str) -> str:
    """Returns another text for the same position. Of two such texts, each is the other's."""
    first, tilde, more = cursor.partition("~")
    epoch, _, version = first.partition(".")
    return f"{epoch}.{version[1:] if version[0] == '0' != version else f'0{version}'}{tilde}{more}"


def decode_cursor(text: str) -> Position | None:
    """Returns None if the text is not a cursor of this server. Callers then answer ``resync``, never an error."""
    match = _FORM.fullmatch(text)
    return Position(int(match[1], 16), int(match[2], 16)) if match else None


def _most_common_epoch(positions: Sequence[Position]) -> int:
    epoch = positions[0].epoch
    if all(position.epoch == epoch for position in positions):  # nearly always, and a Counter takes longer
        return epoch
    [(epoch, _)] = Counter(position.epoch for position in positions).most_common(1)
    return epoch


def encode_positions(positions: Sequence[Position]) -> str:
    """Returns the cursor of a position in each shard."""
    if len(positions) == 1:
        return encode_cursor(*positions[0])
    newest = max([position.version for position in positions])
    epoch = _most_common_epoch(positions)
    behind = [newest - position.version for position in positions]
    bits = max(behind).bit_length()
    packed = 0
    for number in behind:
        packed = packed << bits | number
    text = urlsafe_b64encode(packed.to_bytes((len(behind) * bits + 7) // 8)).rstrip(b"=").decode()
    others = [f"{n:x}.{position.epoch:x}" for n, position in enumerate(positions) if position.epoch != epoch]
    doublings = len(positions).bit_length() - 1
    return "~".join([encode_cursor(epoch, newest), f"{doublings:x}", f"{bits:x}", text, *others])


def decode_positions(text: str, shards: int) -> list[Position] | None:
    """Returns the position in each of the shards, or None if the text is not a cursor of this server.

    If the number of shards was raised since, a new shard has the position of the shard that it was split from. A cursor
    of more shards than there are now has no meaning.
    """
    found = _decode_positions(text)
    if found is None or shards % len(found):
        return None
    return [found[number % len(found)] for number in range(shards)]


def _decode_positions(text: str) -> list[Position] | None:
    first, *more = text.split("~")
    newest = decode_cursor(first)
    if newest is None or not more:
        return newest and [newest]
    if len(more) < 3 or not all(_NUMBER.fullmatch(number) for number in more[:2]):
        return None
    doublings, bits = int(more[0], 16), int(more[1], 16)
    if not 0 < doublings <= MAX_DOUBLINGS or bits > MAX_BITS:
        return None
    count = 1 << doublings
    behind = _unpack(more[2], count, bits)
    if behind is None or max(behind) > newest.version:
        return None
    positions = [Position(newest.epoch, newest.version - number) for number in behind]
    for other in more[3:]:
        place = decode_cursor(other)
        if place is None or place.epoch >= count:
            return None
        positions[place.epoch] = Position(place.version, positions[place.epoch].version)
    return positions


def _unpack(text: str, count: int, bits: int) -> list[int] | None:
    if len(text) != -(-((count * bits + 7) // 8) * 8 // 6):  # as many characters as the bits need
        return None
    try:
        packed = int.from_bytes(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (NotBase64, UnicodeError):
        return None
    if packed >> count * bits:
        return None
    mask = (1 << bits) - 1
    return [packed >> bits * place & mask for place in reversed(range(count))]
