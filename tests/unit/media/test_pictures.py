"""Images: what is taken out of them, how large they are, what a small copy looks like."""

from __future__ import annotations

import io

import pytest
from PIL import Image

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
def test_the_camera_and_its_place_go_the_pixels_and_their_direction_stay(form: str, orientation: int) -> None:
    came = image_bytes(form, orientation=orientation)
    assert b"Secret Camera" in came
    kept = strip(came, FORMS[form])
    assert b"Secret" not in kept
    before, after = opened(came), opened(kept)
    assert dict(after.getexif()) == ({} if orientation == 1 else {ORIENTATION: orientation})
    assert not after.getexif().get_ifd(GPS)
    assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def test_comments_texts_and_what_stands_behind_the_end_go() -> None:
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


def test_a_progressive_photo_and_its_colour_profile_stay_whole() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    came = image_bytes("JPEG", size=(300, 200), progressive=True, icc_profile=profile)
    kept = strip(came, "image/jpeg")
    assert opened(kept).info["icc_profile"] == profile
    assert opened(kept).tobytes() == opened(came).tobytes()


def test_an_animation_keeps_its_pictures() -> None:
    written = io.BytesIO()
    pictures = [picture(20, 20, seed=n * 80) for n in range(3)]
    pictures[0].save(written, "WEBP", save_all=True, append_images=pictures[1:], lossless=True, exif=b"Exif\0\0secret")
    kept = strip(written.getvalue(), "image/webp")
    assert b"secret" not in kept
    assert opened(kept).n_frames == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_cut_off_anywhere_is_refused_or_read_never_a_crash(form: str) -> None:
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
def test_its_size_is_known_from_the_beginning(form: str) -> None:
    whole = image_bytes(form) if form != "GIF" else _gif()
    assert image_size(whole[:4000], FORMS[form]) == Size(64, 48)
    assert image_size(b"", FORMS[form]) is None
    assert image_size(b"\0" * 64, FORMS[form]) is None


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photo_is_as_large_as_it_is_shown(orientation: int) -> None:
    data = image_bytes("JPEG", orientation=orientation)
    size = Size(48, 64) if orientation in (6, 8) else Size(64, 48)
    assert image_size(data, "image/jpeg") == size
    looks = decode_image(data, max_pixels=10_000)
    assert looks.size == size
    assert opened(looks.thumbnail).size == size


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_thumbnail_stands_as_the_picture_does(form: str) -> None:
    looks = decode_image(image_bytes(form, size=(2000, 1000), orientation=6), max_pixels=10**7)
    assert looks.size == Size(1000, 2000)
    thumbnail = opened(looks.thumbnail)
    assert thumbnail.size == (240, 480)
    assert not dict(thumbnail.getexif())


def test_a_transparent_picture_is_shown_on_white() -> None:
    written = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(written, "PNG")
    assert opened(decode_image(written.getvalue(), max_pixels=10_000).thumbnail).getpixel((20, 20)) == (255, 255, 255)


def test_a_bomb_is_refused_by_its_pixels_before_any_is_decoded() -> None:
    with pytest.raises(UnreadableError) as caught:
        decode_image(bomb_png(), max_pixels=50_000_000)
    assert caught.value.code == "too_large"
    assert image_size(bomb_png(), "image/png") == Size(60_000, 60_000)


def test_a_blurhash_tells_the_colours() -> None:
    """Of one colour: its first factor is that colour (base 83)."""
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
