"""The result of decoding an image. This module imports no decoder, so every process can load it."""

from __future__ import annotations

from typing import NamedTuple

from app.media.image_size import Size


class UnreadableError(ValueError):
    """The file cannot be shown: it is malformed, cut off or too large. ``code`` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ImageInfo(NamedTuple):
    """``thumbnail`` is a JPEG."""

    size: Size
    blurhash: str
    thumbnail: bytes
