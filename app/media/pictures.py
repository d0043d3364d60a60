"""Decodes images with Pillow, in a worker, and makes small copies for the screen.

An image with too many pixels, or one that needs too much memory, is refused before any of its pixels is decoded.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from app.media.blurhash import blurhash
from app.media.decode_memory import DECODE_BYTES, bytes_to_decode, turn
from app.media.image_info import ImageInfo, UnreadableError
from app.media.image_size import Size

THUMBNAIL_SIDE = 480  # pixels, of the longer side
BLUR_SIDE = 32
STRIP_PIXELS = 1_000_000
QUALITY = 80
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")  # Pillow has more decoders; using fewer leaves fewer faults to exploit
# We check our own limit first. Pillow's would only warn up to twice its value.
Image.MAX_IMAGE_PIXELS = None


def decode_image(data: bytes, *, max_pixels: int) -> ImageInfo:
    """Returns the size, BlurHash and thumbnail of an image. Raises UnreadableError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about malformed tags, but such pictures display fine
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                needed = bytes_to_decode(image)
                if image.width * image.height > max_pixels or needed > DECODE_BYTES:
                    raise UnreadableError("too_large")
                with turn(needed):
                    return image_info_of(image)
        except UnreadableError:
            raise
        except MemoryError as error:  # its header did not show what it needs
            raise UnreadableError("too_large") from error
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UnreadableError("unreadable") from error


def image_info_of(image: Image.Image) -> ImageInfo:
    size = _displayed_size(image)
    exif = image.getexif().tobytes()
    small = _on_white(_small(image))
    small.info["exif"] = exif
    small = ImageOps.exif_transpose(small)
    written = io.BytesIO()
    small.save(written, "JPEG", quality=QUALITY)
    return ImageInfo(size, _blur(small), written.getvalue())


def _displayed_size(image: Image.Image) -> Size:
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return Size(image.height, image.width) if turned else Size(image.width, image.height)


def _small(image: Image.Image) -> Image.Image:
    """Scales the image down before any other conversion.

    This way an image of 50 million pixels is in memory only once, and a photo never in full size: a JPEG is decoded at
    an eighth of its size.
    """
    if image.mode in ("P", "PA", "1"):  # palette indices cannot be averaged
        longest = 4 * THUMBNAIL_SIDE
        if max(image.size) > longest:
            scale = longest / max(image.size)
            nearest = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            image = image.resize(nearest, Image.Resampling.NEAREST)
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA"):
        image = _reduced(image)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return image


def _reduced(image: Image.Image) -> Image.Image:
    """Returns the image in about twice the size of its thumbnail. Pillow would first copy it whole to weigh its colours
    by their opacity; in strips, only a strip is copied.
    """
    factor = max(image.size) // (2 * THUMBNAIL_SIDE)
    if factor < 2:
        return image
    small = Image.new(image.mode, (-(-image.width // factor), -(-image.height // factor)))
    step = factor * max(1, STRIP_PIXELS // (image.width * factor))
    for top in range(0, image.height, step):
        strip = image.crop((0, top, image.width, min(top + step, image.height)))
        small.paste(strip.reduce(factor), (0, top // factor))
    small.info = image.info
    return small


def _on_white(image: Image.Image) -> Image.Image:
    """Returns the first frame as RGB, with a white background behind transparent parts."""
    if image.mode not in ("RGBA", "LA") and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    flat = Image.new("RGB", layer.size, "white")
    flat.paste(layer, mask=layer.getchannel("A"))
    return flat


def _blur(image: Image.Image) -> str:
    tiny = image.copy()
    tiny.thumbnail((BLUR_SIDE, BLUR_SIDE))
    data = tiny.convert("RGB").tobytes()
    pixels = list(zip(data[::3], data[1::3], data[2::3], strict=True))
    return blurhash(pixels, tiny.width, tiny.height)
