"""Images: stripping metadata, reading sizes, and making thumbnails."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image, ImageStat

from app.media.image_info import UnreadableError
from app.media.image_size import Size, image_size
from app.media.pictures import decode_image
from app.media.strip import strip
from tests.support.media_files import GPS, ORIENTATION, bomb_png, image_bytes, picture

FORMS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
TURNED = ("JPEG", "PNG", "WEBP")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("form", TURNED)
def test_strip_removes_exif_and_gps_but_keeps_pixels_and_orientation(form: str, orientation: int) -> None:
    original = image_bytes(form, orientation=orientation)
    assert b"Secret Camera" in original
    kept = strip(original, FORMS[form])
    assert b"Secret" not in kept
    before, after = opened(original), opened(kept)
    assert dict(after.getexif()) == ({} if orientation == 1 else {ORIENTATION: orientation})
    assert not after.getexif().get_ifd(GPS)
    assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def test_strip_removes_comments_and_trailing_data() -> None:
    jpeg = image_bytes("JPEG", comment=b"a secret comment") + b"MotionPhoto_Data secret"
    assert b"secret" in jpeg
    assert b"secret" not in strip(jpeg, "image/jpeg")
    written = io.BytesIO()
    first, second = (picture(20, 20, seed=n * 100).quantize(8) for n in (1, 2))
    first.save(written, "GIF", save_all=True, append_images=[second], loop=3, duration=70, comment=b"secret")
    kept = strip(written.getvalue(), "image/gif")
    assert b"secret" not in kept
    shown = opened(kept)
    assert (shown.n_frames, shown.info["loop"], shown.info["duration"]) == (2, 3, 70)  # type: ignore[attr-defined]


def test_strip_keeps_progressive_photos_and_colour_profiles() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = image_bytes("JPEG", size=(300, 200), progressive=True, icc_profile=profile)
    kept = strip(original, "image/jpeg")
    assert opened(kept).info["icc_profile"] == profile
    assert opened(kept).tobytes() == opened(original).tobytes()


def test_strip_keeps_all_frames_of_an_animation() -> None:
    written = io.BytesIO()
    pictures = [picture(20, 20, seed=n * 80) for n in range(3)]
    pictures[0].save(written, "WEBP", save_all=True, append_images=pictures[1:], lossless=True, exif=b"Exif\0\0secret")
    kept = strip(written.getvalue(), "image/webp")
    assert b"secret" not in kept
    assert opened(kept).n_frames == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMS)
def test_truncated_picture_is_decoded_or_refused_without_a_crash(form: str) -> None:
    whole = image_bytes(form) if form != "GIF" else _gif()
    for end in range(12, len(whole) - 1, max(1, len(whole) // 60)):
        cut = whole[:end]
        assert image_size(cut, FORMS[form]) in (None, Size(64, 48))
        try:
            decode_image(strip(cut, FORMS[form]), max_pixels=10_000)
        except (UnreadableError, ValueError, IndexError):
            continue


def _gif() -> bytes:
    written = io.BytesIO()
    picture().quantize(16).save(written, "GIF")
    return written.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_size_is_read_from_the_first_bytes(form: str) -> None:
    whole = image_bytes(form) if form != "GIF" else _gif()
    assert image_size(whole[:4000], FORMS[form]) == Size(64, 48)
    assert image_size(b"", FORMS[form]) is None
    assert image_size(b"\0" * 64, FORMS[form]) is None


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_size_follows_the_orientation(orientation: int) -> None:
    data = image_bytes("JPEG", orientation=orientation)
    size = Size(48, 64) if orientation in (6, 8) else Size(64, 48)
    assert image_size(data, "image/jpeg") == size
    looks = decode_image(data, max_pixels=10_000)
    assert looks.size == size
    assert opened(looks.thumbnail).size == size


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_thumbnail_follows_the_orientation(form: str) -> None:
    looks = decode_image(image_bytes(form, size=(2000, 1000), orientation=6), max_pixels=10**7)
    assert looks.size == Size(1000, 2000)
    thumbnail = opened(looks.thumbnail)
    assert thumbnail.size == (240, 480)
    assert not dict(thumbnail.getexif())


def test_transparent_picture_gets_a_white_background() -> None:
    written = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(written, "PNG")
    assert opened(decode_image(written.getvalue(), max_pixels=10_000).thumbnail).getpixel((20, 20)) == (255, 255, 255)


def png(width: int, height: int, depth: int, colour: int, pixel: bytes, **chunks: bytes) -> bytes:
    """Returns a PNG of one colour, in a form that Pillow does not write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    more = b"".join(chunk(name.encode(), body) for name, body in chunks.items())
    rows = zlib.compress((b"\0" + pixel * width) * height)
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


GREY, ROSE, WHITE = (128, 128, 128), (192, 64, 32), (255, 255, 255)
DEEP = {
    "16-bit grey": ((16, 0, b"\x80\0"), {}, GREY),
    "16-bit grey with opacity": ((16, 4, b"\0\0\x80\0"), {}, (127, 127, 127)),
    "16-bit colour": ((16, 2, b"\xc0\0\x40\0\x20\0"), {}, ROSE),
    "16-bit colour with opacity": ((16, 6, b"\xc0\0\x40\0\x20\0\xff\xff"), {}, ROSE),
    "grey, one of which is transparent": ((8, 0, b"\x80"), {"tRNS": b"\0\x80"}, WHITE),
    "colour, one of which is transparent": ((8, 2, b"\xc0\x40\x20"), {"tRNS": b"\0\xc0\0\x40\0\x20"}, WHITE),
    "palette": ((8, 3, b"\1"), {"PLTE": bytes(3) + bytes(ROSE)}, ROSE),
    "palette with transparency": ((8, 3, b"\1"), {"PLTE": bytes(3) + bytes(ROSE), "tRNS": b"\xff\0"}, WHITE),
}


@pytest.mark.parametrize("size", [(64, 40), (2400, 1500)])
@pytest.mark.parametrize("form", DEEP)
def test_thumbnail_has_the_colours_of_every_form_of_pixel(form: str, size: tuple[int, int]) -> None:
    pixel, chunks, colour = DEEP[form]
    looks = decode_image(png(*size, *pixel, **chunks), max_pixels=10**7)
    shown = opened(looks.thumbnail).getpixel((20, 20))
    assert all(abs(a - b) <= 3 for a, b in zip(shown, colour, strict=True)), shown  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("CMYK", "JPEG"),
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("P", "PNG"),
        ("L", "JPEG"),
        ("RGBA", "WEBP"),
    ],
)
@pytest.mark.parametrize("size", [(300, 200), (2400, 1600)])
def test_thumbnail_has_the_shades_of_the_picture(mode: str, form: str, size: tuple[int, int]) -> None:
    written = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("CMYK" if mode == "CMYK" else "RGB").convert(mode).save(
        written, form
    )
    thumbnail = opened(decode_image(written.getvalue(), max_pixels=10**7).thumbnail)
    for part in (0.25, 0.5, 0.75):
        row = thumbnail.crop((0, int(thumbnail.height * part) - 5, thumbnail.width, int(thumbnail.height * part) + 5))
        assert abs(ImageStat.Stat(row.convert("L")).mean[0] - 255 * part) < 12


def test_decompression_bomb_is_refused_before_decoding() -> None:
    with pytest.raises(UnreadableError) as caught:
        decode_image(bomb_png(), max_pixels=50_000_000)
    assert caught.value.code == "too_large"
    assert image_size(bomb_png(), "image/png") == Size(60_000, 60_000)


def test_blurhash_holds_the_average_colour() -> None:
    """In a picture of one colour, the first factor of the blurhash (base 83) is that colour."""
    written = io.BytesIO()
    Image.new("RGB", (50, 50), (200, 40, 90)).save(written, "PNG")
    text = decode_image(written.getvalue(), max_pixels=10_000).blurhash
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
    value = 0
    for letter in text[2:6]:
        value = value * 83 + digits.index(letter)
    found = value >> 16, value >> 8 & 255, value & 255
    assert all(abs(a - b) <= 3 for a, b in zip(found, (200, 40, 90), strict=True)), found
    assert len(text) == 28
