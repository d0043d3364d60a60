"""BlurHash (github.com/woltapp/blurhash, Algorithm.md): encodes a blurred version of a picture in about 30 characters.

It is a cosine transform. Callers scale the picture down first: 32 pixels a side are enough for 4 × 3 components.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

COMPONENTS = 4, 3
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_LINEAR = [(v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4) for v in range(256)]

Colour = tuple[float, float, float]


def blurhash(pixels: Sequence[tuple[int, int, int]], width: int, height: int) -> str:
    """Returns the BlurHash of an image, given as RGB pixels row by row."""
    linear = [(_LINEAR[r], _LINEAR[g], _LINEAR[b]) for r, g, b in pixels]
    columns = [[math.cos(math.pi * i * x / width) for x in range(width)] for i in range(COMPONENTS[0])]
    rows = [[math.cos(math.pi * j * y / height) for y in range(height)] for j in range(COMPONENTS[1])]
    factors = [_factor(linear, columns[i], rows[j], i or j) for j in range(COMPONENTS[1]) for i in range(COMPONENTS[0])]
    average, rest = factors[0], factors[1:]
    largest = max(abs(part) for colour in rest for part in colour)
    level = max(0, min(82, math.floor(largest * 166 - 0.5)))
    head = _base83(COMPONENTS[0] - 1 + (COMPONENTS[1] - 1) * 9, 1) + _base83(level, 1) + _base83(_dc(average), 4)
    return head + "".join(_base83(_ac(colour, (level + 1) / 166), 2) for colour in rest)


def _factor(linear: list[Colour], columns: list[float], rows: list[float], is_ac: int) -> Colour:
    red = green = blue = 0.0
    at = 0
    for row in rows:
        for column in columns:
            weight = row * column
            r, g, b = linear[at]
            red += weight * r
            green += weight * g
            blue += weight * b
            at += 1
    scale = (2 if is_ac else 1) / len(linear)
    return red * scale, green * scale, blue * scale


def _dc(colour: Colour) -> int:
    red, green, blue = (_srgb(part) for part in colour)
    return red << 16 | green << 8 | blue


def _srgb(value: float) -> int:
    value = max(0.0, min(1.0, value))
    return round(255 * (value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))


def _ac(colour: Colour, largest: float) -> int:
    red, green, blue = (_quantised(part / largest) for part in colour)
    return (red * 19 + green) * 19 + blue


def _quantised(value: float) -> int:
    return max(0, min(18, math.floor(math.copysign(math.sqrt(abs(value)), value) * 9 + 9.5)))


def _base83(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83 ** (length - 1 - n) % 83] for n in range(length))
