"""The result of decoding an image. This module imports no decoder, so every process can load it."""

from __future__ import annotations

import re
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


_HEIF_ENDING = re.compile(r"\.(?:hei[cf]s?|hif|avifs?)$", re.IGNORECASE)
_ENDINGS = {"image/jpeg": ".jpg", "image/webp": ".webp"}


def converted_name(filename: str | None, content_type: str) -> str | None:
    """Returns the name of a file after a conversion to ``content_type``: photo.HEIC becomes photo.jpg."""
    if filename is None or content_type not in _ENDINGS:
        return filename
    return _HEIF_ENDING.sub(_ENDINGS[content_type], filename)
