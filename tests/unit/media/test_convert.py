"""HEIC and AVIF become JPEG or WebP, turned the right way up and without metadata."""

from __future__ import annotations

import io
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms

from app.media.convert import convert
from app.media.image_info import UnreadableError
from app.media.image_size import Size, image_size
from app.media.inspect import inspect
from app.media.sniff import sniff
from tests.support.media_files import GPS, ORIENTATION, exif, picture

FORMS = {"HEIF": "image/heic", "AVIF": "image/avif"}
SIZE = (120, 80)


def written(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or picture(*SIZE)).save(file, form, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("form", FORMS)
def test_picture_of_a_phone_becomes_a_jpeg_without_position(tmp_path: Path, form: str, orientation: int) -> None:
    """A HEIC says in its own properties how it is turned, so its writer takes the orientation from the EXIF block."""
    data = written(form, exif=exif(orientation).tobytes())
    assert b"Secret Camera" in data
    assert sniff(data, "") == (FORMS[form], "image")
    size = Size(80, 120) if orientation in (6, 8) else Size(120, 80)
    assert image_size(data, FORMS[form]) == size
    (tmp_path / "photo").write_bytes(data)
    found = inspect(tmp_path / "photo", FORMS[form], "image", max_pixels=10**6)
    kept = (tmp_path / "photo").read_bytes()
    assert (found.content_type, found.kind, found.bytes, found.rewritten) == ("image/jpeg", "image", len(kept), True)
    assert found.image is not None
    assert found.image.size == size
    assert opened(found.image.thumbnail).size == size
    assert b"Secret" not in kept
    assert not opened(kept).getexif().get_ifd(GPS)
    upright = Image.new("RGB", (1, 1)) if orientation == 1 else opened(kept)
    assert upright.getexif().get(ORIENTATION, 1) in (1, orientation)


@pytest.mark.parametrize("form", FORMS)
def test_pixels_stay_nearly_the_same(form: str) -> None:
    data = convert(written(form, quality=95), FORMS[form], max_pixels=10**6).data
    before, after = picture(*SIZE).resize((6, 4)), opened(data).convert("RGB").resize((6, 4))
    assert all(abs(a - b) < 12 for a, b in zip(before.tobytes(), after.tobytes(), strict=True))


@pytest.mark.parametrize(
    ("mode", "pixel"),
    [
        ("L;16", b"\0\x80"),
        ("LA;16", b"\0\x80\xff\xff"),
        ("RGB;16", b"\0\x80" * 3),
        ("RGBA;16", b"\0\x80" * 3 + b"\xff\xff"),
    ],
)
def test_picture_with_more_bits_keeps_its_brightness(mode: str, pixel: bytes) -> None:
    file = io.BytesIO()
    deep = pillow_heif.from_bytes(mode, SIZE, pixel * SIZE[0] * SIZE[1])
    deep.save(file)
    made = opened(convert(file.getvalue(), "image/heic", max_pixels=10**6).data).convert("L")
    assert abs(made.getpixel((9, 9)) - 128) < 3  # type: ignore[operator]


@pytest.mark.parametrize("form", FORMS)
def test_transparent_picture_becomes_webp(form: str) -> None:
    clear = convert(written(form, Image.new("RGBA", SIZE, (200, 40, 90, 100))), FORMS[form], max_pixels=10**6)
    assert clear.content_type == "image/webp"
    assert abs(opened(clear.data).convert("RGBA").getpixel((9, 9))[3] - 100) < 5  # type: ignore[index]
    opaque = convert(written(form, Image.new("RGBA", SIZE, (200, 40, 90, 255))), FORMS[form], max_pixels=10**6)
    assert opaque.content_type == "image/jpeg"


@pytest.mark.parametrize("form", FORMS)
def test_colour_profile_stays(form: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = convert(written(form, icc_profile=profile), FORMS[form], max_pixels=10**6).data
    assert opened(data).info["icc_profile"] == profile


@pytest.mark.parametrize("form", FORMS)
def test_first_frame_of_an_animation_is_kept(form: str) -> None:
    data = written(form, save_all=True, append_images=[picture(*SIZE, seed=99)])
    assert opened(convert(data, FORMS[form], max_pixels=10**6).data).size == SIZE


@pytest.mark.parametrize("form", FORMS)
def test_bomb_is_refused_before_it_is_decoded(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(form)
    monkeypatch.setattr("app.media.convert._written", lambda _image: pytest.fail("it was decoded"))
    with pytest.raises(UnreadableError) as caught:
        convert(data, FORMS[form], max_pixels=SIZE[0] * SIZE[1] - 1)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("form", FORMS)
def test_damaged_picture_is_refused_or_converted_without_a_crash(form: str) -> None:
    whole = written(form)
    for end in range(24, len(whole), max(1, len(whole) // 40)):
        assert image_size(whole[:end], FORMS[form]) in (None, Size(*SIZE))
        for damaged in (whole[:end], whole[:end] + bytes(8) + whole[end + 8 :]):
            try:
                convert(damaged, FORMS[form], max_pixels=10**6)
            except UnreadableError:
                continue
