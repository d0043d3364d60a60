"""Decodes images with Pillow, in a worker, and makes small copies for the screen.

An image with too many pixels, or one that needs too much memory, is refused before any of its pixels is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps

from app.media.blurhash import blurhash
from app.media.decode_memory import DECODE_BYTES, bytes_to_decode, turn
from app.media.image_info import ImageInfo, UnreadableError
from app.media.image_size import ORIENTATION, Size

THUMBNAIL_SIDE = 480  # pixels, of the longer side
BLUR_SIDE = 32
STRIP_PIXELS = 1_000_000
QUALITY = 80
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")  # Pillow has more decoders; using fewer leaves fewer faults to exploit
# We check our own limit first. Pillow's would only warn up to twice its value.
Image.MAX_IMAGE_PIXELS = None
_FAULTS = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, KeyError, Image.DecompressionBombError)


def decode_image(data: bytes, *, max_pixels: int) -> ImageInfo:
    """Returns the size, BlurHash and thumbnail of an image. Raises UnreadableError."""
    with opened(data, FORMATS, max_pixels=max_pixels) as image:
        return image_info_of(image)


@contextmanager
def opened(data: bytes, formats: tuple[str, ...], *, max_pixels: int) -> Iterator[Image.Image]:
    """Yields an image whose pixels may be decoded within the block.

    Raises UnreadableError, before anything is decoded if the image has too many pixels or needs too much memory.
    Decoder errors in the block become UnreadableError too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about malformed tags, but such pictures display fine
        try:
            with Image.open(io.BytesIO(data), formats=formats) as image:
                needed = bytes_to_decode(image)
                if image.width * image.height > max_pixels or needed > DECODE_BYTES:
                    raise UnreadableError("too_large")
                with turn(needed):
                    yield image
        except UnreadableError:
            raise
        except MemoryError as error:  # its header claimed less memory than the decode needs
            raise UnreadableError("too_large") from error
        except _FAULTS as error:
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
    turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    return Size(image.height, image.width) if turned else Size(image.width, image.height)


def _small(image: Image.Image) -> Image.Image:
    """Scales the image down before any other conversion.

    This way an image of 50 million pixels is in memory only once, and a photo never in full size: a JPEG is decoded at
    an eighth of its size.
    """
    if not _can_be_averaged(image):
        image = _averageable(_reduced(image))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return image


def _can_be_averaged(image: Image.Image) -> bool:
    return image.mode in ("RGB", "L", "CMYK", "YCbCr") and "transparency" not in image.info


def _averageable(image: Image.Image) -> Image.Image:
    """Returns the image with 8 bits per channel, and with its opacity in a channel of its own. The numbers of a palette
    cannot be averaged, and neither can a colour that means "transparent".
    """
    image = with_eight_bits(image)
    if _can_be_averaged(image):
        return image
    return image.convert("LA" if image.mode == "LA" else "RGBA")


def with_eight_bits(image: Image.Image) -> Image.Image:
    """Returns a grey image of 16 bits with 8 bits. Pillow would cut off every value above 255."""
    if image.mode.startswith("I;16"):
        bits = image.tobytes("raw", "I;16B")
        return Image.frombytes("L", image.size, bits[::2])
    if image.mode in ("I", "F"):
        return image.point(lambda value: value / 256).convert("L")
    return image


def _reduced(image: Image.Image) -> Image.Image:
    """Returns the image in about twice the size of its thumbnail. Strip by strip, because Pillow would first copy it
    whole, to convert it and to weigh its colours by their opacity.
    """
    factor = max(image.size) // (2 * THUMBNAIL_SIDE)
    if factor < 2:
        return image
    small: Image.Image | None = None
    step = factor * max(1, STRIP_PIXELS // (image.width * factor))
    for top in range(0, image.height, step):
        strip = _averageable(image.crop((0, top, image.width, min(top + step, image.height))))
        small = small or Image.new(strip.mode, (-(-image.width // factor), -(-image.height // factor)))
        small.paste(strip.reduce(factor), (0, top // factor))
    assert small is not None  # noqa: S101 - for mypy: an image has at least one row
    return small


def _on_white(image: Image.Image) -> Image.Image:
    """Returns the image as RGB, with a white background behind transparent parts."""
    if image.mode not in ("RGBA", "LA"):
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
