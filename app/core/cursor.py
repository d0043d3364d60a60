"""The resume cursor: a position in the stream of events, opaque to clients.

A position is (epoch, version). ``version`` grows strictly with every durable change (microseconds of the Redis clock,
or last + 1). ``epoch`` is one unbroken history of Redis. If Redis loses its data, a new epoch begins; a cursor of the
old one is answered with ``resync``.

If there are several shards, a cursor has a position in each, in one of two forms. Both contain the newest version, and
for each shard the distance to it. In the plain form, each distance takes as many bits as the largest one needs, and
epochs are named only if they differ from the most common one. If that would be long, the form of packed_positions.py
is used, which fits into ``MAX_LENGTH``.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Sequence

from app.core.packed_positions import pack, unpack
from app.core.position import MAX_BITS, Position

_FORM = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{1,14})", re.ASCII)
_NUMBER = re.compile(r"[0-9a-f]{1,2}", re.ASCII)
MAX_DOUBLINGS = 6  # 64 shards
MAX_LENGTH = 256
# Sessions with longer cursors ask for milestones (docs/decisions/shards.md). Until these come, the positions of about
# eight more shards fit.
LONG = 224
_PLAIN_BITS = 240  # the plain form takes no more


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


def _most_common(epochs: Sequence[int]) -> int:
    if len(set(epochs)) == 1:  # nearly always, and a Counter takes longer
        return epochs[0]
    [(epoch, _)] = Counter(epochs).most_common(1)
    return epoch


def encode_positions(positions: Sequence[Position]) -> str:
    """Returns the cursor of a position in each shard. If they do not fit into ``MAX_LENGTH``, the cursor has lower
    positions in some shards: what came between may come again.
    """
    if len(positions) == 1:
        return encode_cursor(*positions[0])
    epochs, versions = zip(*positions, strict=True)
    epoch, newest = _most_common(epochs), max(versions)
    bits = (newest - min(versions)).bit_length()
    doublings = len(positions).bit_length() - 1
    if bits * len(positions) > _PLAIN_BITS:
        first = f"{encode_cursor(epoch, newest)}~{doublings:x}"
        room = MAX_LENGTH - len(first) - 1  # one more character for ``respelled``
        return first + pack(newest, versions, [other - epoch for other in epochs], room)
    packed = 0
    for version in versions:
        packed = packed << bits | newest - version
    text = urlsafe_b64encode(packed.to_bytes((len(versions) * bits + 7) // 8)).rstrip(b"=").decode()
    others = [f"{n:x}.{other:x}" for n, other in enumerate(epochs) if other != epoch]
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
    if len(more) == 1:
        doublings = _doublings(more[0][:1])
        return unpack(more[0][1:], newest, 1 << doublings) if doublings else None
    return _decode_plain(newest, more)


def _doublings(text: str) -> int:
    """Returns 0 if the text is no number of doublings."""
    number = int(text, 16) if _NUMBER.fullmatch(text) else 0
    return number if number <= MAX_DOUBLINGS else 0


def _decode_plain(newest: Position, more: Sequence[str]) -> list[Position] | None:
    if len(more) < 3 or not _NUMBER.fullmatch(more[1]):
        return None
    doublings, bits = _doublings(more[0]), int(more[1], 16)
    if not doublings or bits > MAX_BITS:
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
