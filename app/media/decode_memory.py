"""Limits the memory of a decode. It is estimated from the header before the decode begins; the kernel enforces it.

The factors were measured with images of 49 million pixels (tests/processes/test_decode_memory.py measures them again).
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # workers load this module, but no decoder
    from PIL import Image

MIB = 1024 * 1024
# A decode that needs more is refused before it begins.
DECODE_BYTES = 200 * MIB
# The kernel's limit on the data of the whole process: Python, two copies of the file, and the decode.
PROCESS_BYTES = 272 * MIB
# A machine runs only one decode at a time that needs more than this.
SMALL_BYTES = 16 * MIB

_WEBP = 16.0  # two canvases of the decoder, and Pillow's two copies
_BASELINE_JPEG = 0.5  # decoded at an eighth of its size
_COEFFICIENT = 2.0  # a progressive JPEG is in memory as one coefficient per pixel and band
# Both are decoded to planes, then to pixels, and then copied by Pillow. A transparent one is written as WebP.
_CONVERTED = {"HEIF": 8.4, "AVIF": 9.2}
_TRANSPARENT = 11.0
_PIXEL = {"1": 2.0, "L": 1.5, "P": 2.0, "PA": 4.5}
_VIDEO = 12.0  # a few frames of the decoder


def bytes_to_decode(image: Image.Image) -> int:
    """Returns the peak of an opened image's decode and of its copies for the screen. Decodes nothing."""
    return int(image.width * image.height * _bytes_per_pixel(image))


def bytes_to_decode_video(width: int, height: int) -> int:
    return int(width * height * _VIDEO)


def _bytes_per_pixel(image: Image.Image) -> float:
    if image.format == "WEBP":
        return _WEBP
    if image.format == "JPEG":
        return _COEFFICIENT * len(image.getbands()) if "progressive" in image.info else _BASELINE_JPEG
    if image.format in _CONVERTED:
        return _CONVERTED[image.format] + (0 if image.mode in ("RGB", "L") else _TRANSPARENT)
    return _PIXEL.get(image.mode, 4.1)


def limit_memory() -> None:
    """Bounds the data of this process, and has the kernel kill it before any other process if memory runs out."""
    if sys.platform == "linux":  # other systems ignore the limit, or count memory that is only mapped
        resource.setrlimit(resource.RLIMIT_DATA, (PROCESS_BYTES, PROCESS_BYTES))
        Path("/proc/self/oom_score_adj").write_text("1000")


@contextmanager
def turn(needed: int) -> Iterator[None]:
    """Waits until no other decode of this machine needs much memory, and lets the next one begin afterwards. A killed
    process gives up its turn.
    """
    if needed <= SMALL_BYTES:
        yield
        return
    path = Path(tempfile.gettempdir(), f"parley-decode-{os.getuid()}.lock")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
