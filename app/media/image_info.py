"""What is found out by decoding, without the decoders: for whoever only passes it on."""

from __future__ import annotations

from typing import NamedTuple

from app.media.image_size import Size


class UnreadableError(ValueError):
    """It cannot be shown: it is not of its form, cut off, or too large."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ImageInfo(NamedTuple):
    """``thumbnail`` is a JPEG."""

    size: Size
    blurhash: str
    thumbnail: bytes
