"""Pictures, files and voice messages in the page."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People

# Long, because a worker processes the pictures, and a busy machine delays it.
READY_MS = 90_000


def png(width: int, height: int) -> bytes:
    """Returns a PNG with a gradient."""
    rows = b"".join(b"\0" + b"".join(bytes((x % 256, y % 256, 128)) for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def picked(name: str, kind: str, data: bytes) -> Any:
    return {"name": name, "mimeType": kind, "buffer": data}


def test_picture_is_shown_to_both_people(window: OpenWindow, people: People) -> None:
    ann, ben, _ = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    there = window().sign_in_demo(ben.username).open("Ann Archer")
    here.page.locator('input[type="file"]').set_input_files([picked("hill.png", "image/png", png(320, 200))])
    expect(here.page.locator(".uploads li")).to_contain_text("hill.png")
    expect(here.page.locator(".uploads progress")).to_have_count(0)
    here.send("from the hill")
    expect(here.sees("from the hill").locator(".picture.there img")).to_be_visible()
    shown = there.sees("from the hill").locator(".picture.there img")
    expect(shown).to_be_visible(timeout=READY_MS)
    assert shown.evaluate("image => image.naturalWidth") > 0
    there.message("from the hill").locator(".picture").click()
    large = there.page.locator(".lightbox .stage img")
    expect(large).to_be_visible()
    expect(large).to_have_js_property("naturalWidth", 320)


def test_file_shows_its_name_and_opens(window: OpenWindow, people: People) -> None:
    ann, ben, _ = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    there = window().sign_in_demo(ben.username).open("Ann Archer")
    here.page.locator('input[type="file"]').set_input_files(
        [picked("notes.txt", "text/plain", b"what we said\n" * 200)]
    )
    expect(here.page.locator(".uploads progress")).to_have_count(0)
    here.send("the notes")
    file = there.sees("the notes").locator(".file")
    expect(file).to_contain_text("notes.txt")
    expect(file).to_contain_text("2.5 KB", timeout=READY_MS)
    with there.context.expect_page() as opened:
        file.click()
    opened.value.close()


def test_removed_upload_is_not_sent(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.page.locator('input[type="file"]').set_input_files([picked("oops.png", "image/png", png(64, 64))])
    here.page.get_by_label("Remove oops.png").click()
    expect(here.page.locator(".uploads")).to_be_hidden()
    here.send("without it")
    here.wait_mark("without it", "stored")
    expect(here.message("without it").locator(".picture")).to_have_count(0)


def test_voice_message_is_recorded_and_played(window: OpenWindow, people: People) -> None:
    ann, ben, _ = people.pair()
    here = window(permissions=["microphone"]).sign_in_demo(ann.username).open("Ben Baker")
    there = window().sign_in_demo(ben.username).open("Ann Archer")
    here.page.get_by_label("Record a voice message").click()
    expect(here.page.locator(".recording .time")).to_have_text("0:01")
    here.page.get_by_label("Send recording").click()
    expect(here.page.locator(".audio")).to_be_visible()
    play = there.page.locator(".audio .play")
    expect(play).to_be_visible(timeout=READY_MS)
    play.click()
    expect(play).to_have_attribute("aria-label", "Pause")
