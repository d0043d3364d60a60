"""Converts HEIC and AVIF to formats that every browser shows, in a worker's subprocess.

The pixels are decoded once and written again, so nothing of the file's metadata remains except the orientation and the
colour profile. Of an animation, the first frame remains.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import pillow_heif
from PIL import AvifImagePlugin, Image

from app.media.image_size import ORIENTATION
from app.media.pictures import opened, with_eight_bits

FORMATS = {"image/heic": "HEIF", "image/avif": "AVIF"}
QUALITY = 90

# Fewer threads need less memory, and chat needs the other cores. Nothing reads the pictures within a picture.
pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class Converted(NamedTuple):
    """``content_type`` is image/jpeg, or image/webp if the picture is transparent somewhere."""

    data: bytes
    content_type: str


def convert(original: bytes, content_type: str, *, max_pixels: int) -> Converted:
    """Raises UnreadableError, before it decodes, if the picture has too many pixels or needs too much memory."""
    with opened(original, (FORMATS[content_type],), max_pixels=max_pixels) as image:
        return _written(image)


def _written(image: Image.Image) -> Converted:
    image.load()
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    kept: dict[str, Any] = {"exif": exif, "icc_profile": image.info.get("icc_profile")}
    image.info.clear()
    if image.mode in ("RGBA", "LA") and image.getchannel("A").getextrema() != (255, 255):
        image.save(file, "WEBP", quality=QUALITY, method=2, **kept)
        return Converted(file.getvalue(), "image/webp")
    image = with_eight_bits(image)
    opaque = image if image.mode in ("RGB", "L") else image.convert("RGB")
    opaque.save(file, "JPEG", quality=QUALITY, **kept)
    return Converted(file.getvalue(), "image/jpeg")
