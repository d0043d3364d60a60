"""The short form of many positions: a text of bits, in which similar positions share what they have in common.

Sessions of 64 shards have positions of two kinds. Most are milestones, and nearly all of these are equal. The others
are the versions of single events. So each position is a distance to the newest version, either in microseconds or, for
a milestone, in milestones. A cluster has the least distance of its members, and each member adds to it as many bits as
the greatest one needs. If all are equal, that is none.

From the first bit on:
    2  number of clusters, less 1
    for each: 5 shift of its distances (0 for none, 1 for 19, 2 for 20 …), 6 width, 6 bits of the least distance, then
       that distance
    1  whether there are other epochs than the cursor's. If so: 6 width of the differences, and for each shard: 1 for
       another epoch; if so, 1 whether it is lower, then the difference
    for each shard: the number of its cluster, in no bits if there is only one; then its distance, less the least one of
       the cluster
    zeros up to the next character

If everything does not fit, positions are lowered, from the oldest on: to half a milestone, or to coarser points.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from app.core.position import MILESTONE_BITS, Position

_MILESTONE_MASK = (1 << MILESTONE_BITS) - 1
_COARSEST = 49
_SHIFTS = MILESTONE_BITS - 2  # written as 0
_LOWERED = MILESTONE_BITS - 1
_HEAD = 100  # bits of the clusters, at most
_SHORT = 1200  # bits; a text that is not longer is not made shorter
_MAX_CHARACTERS = 1000  # ``pack`` writes no longer text

# Version -> shift, and the distance to the newest version, shifted.
_Places = dict[int, tuple[int, int]]


class _Cluster(NamedTuple):
    shift: int
    least: int
    width: int


def pack(newest: int, versions: Sequence[int], epochs: Sequence[int], room: int) -> str:
    """Returns at most ``room`` characters, if the epochs leave enough of it. ``epochs`` are the differences to the
    cursor's epoch.
    """
    of_epochs = _bits_of_epochs(epochs)
    bits = _exact_bits(versions, _exact(newest, versions), of_epochs)
    if len(bits) > room * 6:
        places = _lowered(newest, versions, room * 6 - len(of_epochs) - _HEAD)
        bits = _written(versions, places, _whole(places), of_epochs)
    size = -len(bits) % 24  # base64 takes whole bytes
    text = urlsafe_b64encode(int(bits + "0" * size, 2).to_bytes((len(bits) + size) // 8))
    return text[: (len(bits) + 5) // 6].decode()


def _exact(newest: int, versions: Sequence[int]) -> dict[int, tuple[int, int]]:
    milestones = newest >> MILESTONE_BITS
    return {
        version: (0, newest - version)
        if version & _MILESTONE_MASK
        else (MILESTONE_BITS, milestones - (version >> MILESTONE_BITS))
        for version in set(versions)
    }


def _exact_bits(versions: Sequence[int], places: _Places, of_epochs: str) -> str:
    whole = _whole(places)
    bits = _written(versions, places, whole, of_epochs)
    if len(bits) > _SHORT:
        cut = [part for cluster in whole for part in _cut(cluster, versions, places)]
        if len(cut) > len(whole):
            return min(bits, _written(versions, places, cut, of_epochs), key=len)
    return bits


def _whole(places: _Places) -> list[_Cluster]:
    by_shift: dict[int, list[int]] = {}
    for shift, distance in places.values():
        by_shift.setdefault(shift, []).append(distance)
    return [_cluster(shift, min(found), max(found)) for shift, found in by_shift.items()]


def _cluster(shift: int, least: int, greatest: int) -> _Cluster:
    return _Cluster(shift, least, (greatest - least).bit_length())


def _cut(cluster: _Cluster, versions: Sequence[int], places: _Places) -> list[_Cluster]:
    """Returns the two parts of the cluster that take the least bits, or the cluster if that is not less than before."""
    shift, _, width = cluster
    found = sorted([places[version][1] for version in versions if places[version][0] == shift])
    count, least, greatest = len(found), found[0], found[-1]
    costs = [
        at * (found[at - 1] - least).bit_length() + (count - at) * (greatest - found[at]).bit_length()
        for at in range(1, count)
    ]
    if not costs or min(costs) + len(versions) > count * width:
        return [cluster]
    at = 1 + costs.index(min(costs))
    return [_cluster(shift, least, found[at - 1]), _cluster(shift, found[at], greatest)]


def _written(versions: Sequence[int], places: _Places, clusters: Sequence[_Cluster], of_epochs: str) -> str:
    tag_width = (len(clusters) - 1).bit_length()
    by_shift: dict[int, list[tuple[int, int, str]]] = {}
    for number, (shift, least, width) in enumerate(clusters):
        by_shift.setdefault(shift, []).append((least, width, _bits(number, tag_width)))
    written: dict[int, str] = {}
    for version, (shift, distance) in places.items():
        of_shift = by_shift[shift]
        least, width, tag = of_shift[-1] if distance >= of_shift[-1][0] else of_shift[0]
        written[version] = tag + bin(distance - least | 1 << width)[3:] if width else tag
    head = _bits(len(clusters) - 1, 2) + "".join(map(_bits_of_cluster, clusters)) + of_epochs
    return head + "".join(map(written.__getitem__, versions))


def _bits(number: int, width: int) -> str:
    return f"{number:0{width}b}" if width else ""


def _bits_of_cluster(cluster: _Cluster) -> str:
    shift, least, width = cluster
    length = least.bit_length()
    return f"{shift and shift - _SHIFTS:05b}{width:06b}{length:06b}{_bits(least, length)}"


def _bits_of_epochs(epochs: Sequence[int]) -> str:
    if not any(epochs):
        return "0"
    width = max(map(abs, epochs)).bit_length()
    differences = [f"1{difference < 0:b}{abs(difference):0{width}b}" if difference else "0" for difference in epochs]
    return f"1{width:06b}{''.join(differences)}"


def _lowered(newest: int, versions: Sequence[int], limit: int) -> _Places:
    """Returns places of at most ``limit`` bits. As few as possible are lowered to half a milestone, from the oldest on;
    milestones stay as they are. If that is not enough, all are lowered, to coarser points.
    """
    places = _exact(newest, versions)
    fine = sorted(version for version in versions if version & _MILESTONE_MASK)
    of_milestones = [places[version][1] for version in versions if not version & _MILESTONE_MASK]
    room = limit - 2 * len(versions) - _size(of_milestones)

    def fits(count: int) -> bool:
        return _size([version >> _LOWERED for version in fine[:count]]) + _size(fine[count:]) <= room

    count = bisect_left(range(len(fine)), True, key=fits)
    if fits(count):
        return places | {version: _place(newest, version, _LOWERED) for version in fine[:count]}
    shift = _LOWERED
    while shift < _COARSEST and len(versions) * _place(newest, min(versions), shift)[1].bit_length() > limit:
        shift += 1
    return {version: _place(newest, version, shift) for version in versions}


def _place(newest: int, version: int, shift: int) -> tuple[int, int]:
    return shift, (newest >> shift) - (version >> shift)


def _size(numbers: Sequence[int]) -> int:
    """Returns the bits of a cluster of these numbers."""
    return len(numbers) * (max(numbers) - min(numbers)).bit_length() if numbers else 0


class _Reader:
    """Reads bits from a text. Raises ValueError if it is empty, too long or ends too early."""

    def __init__(self, text: str) -> None:
        if not 0 < len(text) <= _MAX_CHARACTERS:
            raise ValueError("empty or too long")
        packed = urlsafe_b64decode(text.encode("ascii") + b"A" * (-len(text) % 4))
        self._bits = f"{int.from_bytes(packed):0{len(packed) * 8}b}"[: len(text) * 6]
        self._at = 0

    def take(self, width: int) -> int:
        begin, self._at = self._at, self._at + width
        if self._at > len(self._bits):
            raise ValueError("too few bits")
        return int(self._bits[begin : self._at], 2) if width else 0

    def end(self) -> None:
        rest = self._bits[self._at :]
        if len(rest) > 5 or "1" in rest:
            raise ValueError("more bits than were written")


def unpack(text: str, newest: Position, count: int) -> list[Position] | None:
    """Returns the positions of ``count`` shards, or None if ``pack`` did not write the text."""
    try:
        return _read(_Reader(text), newest, count)
    except (NotBase64, ValueError):
        return None


def _read(bits: _Reader, newest: Position, count: int) -> list[Position]:
    clusters = [_read_cluster(bits) for _ in range(bits.take(2) + 1)]
    epochs = [newest.epoch + difference for difference in _read_epochs(bits, count)]
    tag_width = (len(clusters) - 1).bit_length()
    versions = [_read_version(bits, newest.version, clusters, tag_width) for _ in range(count)]
    bits.end()
    if min(versions) < 0 or min(epochs) < 0:
        raise ValueError("no position is negative")
    return [Position(*place) for place in zip(epochs, versions, strict=True)]


def _read_version(bits: _Reader, newest: int, clusters: Sequence[_Cluster], tag_width: int) -> int:
    tag = bits.take(tag_width)
    if tag >= len(clusters):
        raise ValueError("no such cluster")
    shift, least, width = clusters[tag]
    return (newest >> shift) - least - bits.take(width) << shift


def _read_cluster(bits: _Reader) -> _Cluster:
    shift, width, length = bits.take(5), bits.take(6), bits.take(6)
    return _Cluster(shift and shift + _SHIFTS, bits.take(length), width)


def _read_epochs(bits: _Reader, count: int) -> list[int]:
    width = bits.take(6) if bits.take(1) else 0
    return [_read_difference(bits, width) if width and bits.take(1) else 0 for _ in range(count)]


def _read_difference(bits: _Reader, width: int) -> int:
    sign = -1 if bits.take(1) else 1
    return sign * bits.take(width)
