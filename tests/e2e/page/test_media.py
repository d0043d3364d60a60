"""Pictures, files and voice messages in the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.files import picked, png
from tests.e2e.page.people import People
from tests.e2e.page.window import PROCESSED_MS


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
    expect(shown).to_be_visible(timeout=PROCESSED_MS)
    assert shown.evaluate("image => image.naturalWidth") > 0
    expect(there.message("from the hill").locator("canvas.blur")).to_be_attached()
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
    expect(file).to_contain_text("2.5 KB", timeout=PROCESSED_MS)
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
    expect(play).to_be_visible(timeout=PROCESSED_MS)
    play.click()
    expect(play).to_have_attribute("aria-label", "Pause")
