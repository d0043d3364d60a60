"""The icons of the app are pictures of their drawings. PARLEY_ICONS=1 writes them to app/web/static/icons/."""

from __future__ import annotations

import io
import os

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser

from app.web.assets import ICON_SIZES, STATIC

ICONS = STATIC / "icons"
MAX_DIFFERENCE = 3  # of 255, on average: browsers smooth edges differently


@pytest.fixture(scope="module")
def drawn(browser: Browser) -> dict[str, bytes]:
    """The pictures, drawn by the browser from the drawings that their names begin with."""
    found = {}
    context = browser.new_context()
    page = context.new_page()
    for name, size in ICON_SIZES.items():
        drawing = (ICONS / f"{name.partition('-')[0]}.svg").read_text()
        page.set_viewport_size({"width": size, "height": size})
        page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:{size}px;height:{size}px}}</style>{drawing}")
        found[name] = compressed(page.screenshot(omit_background=True))
    context.close()
    return found


def compressed(picture: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


@pytest.mark.parametrize("name", ICON_SIZES)
def test_picture_shows_the_drawing(drawn: dict[str, bytes], name: str) -> None:
    if os.environ.get("PARLEY_ICONS"):
        (ICONS / f"{name}.png").write_bytes(drawn[name])
    wanted = Image.open(io.BytesIO(drawn[name])).convert("RGBA")
    shown = Image.open(ICONS / f"{name}.png").convert("RGBA")
    assert shown.size == wanted.size == (ICON_SIZES[name], ICON_SIZES[name])
    difference = ImageStat.Stat(ImageChops.difference(shown, wanted)).mean
    assert max(difference) < MAX_DIFFERENCE
