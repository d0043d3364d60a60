"""Pictures in the page: previews and captions before they are sent, albums, and the viewer."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from dev.processes import wait_until
from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.files import picked, png, send_pictures
from tests.e2e.page.people import People

# Gives the page files as a paste or a drop would.
GIVE = """([kind, target, names]) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File([new Uint8Array(9)], name, {type: "application/x-thing"}));
    const all = {bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data};
    const Made = kind === "paste" ? ClipboardEvent : DragEvent;
    document.querySelector(target).dispatchEvent(new Made(kind, all));
}"""


def give(page: Page, kind: str, target: str, *names: str) -> None:
    page.evaluate(GIVE, [kind, target, list(names)])


def test_several_pictures_are_previewed_and_sent_with_a_caption(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    files: list[Any] = [picked(f"{n}.png", "image/png", png(80, 50 + n)) for n in range(3)]
    here.page.locator('input[type="file"]').set_input_files(files)
    looks = here.page.locator(".uploads .look img")
    expect(looks).to_have_count(3)
    assert all(looks.nth(n).evaluate("i => i.complete && i.naturalWidth") for n in range(3))
    field = here.page.locator(".composer textarea")
    expect(field).to_have_attribute("placeholder", "Add a caption")
    here.page.get_by_label("Preview 1.png").click()
    expect(here.page.locator(".lightbox .place")).to_have_text("2 of 3")
    here.page.keyboard.press("Escape")
    expect(here.page.locator(".uploads progress")).to_have_count(0)
    here.send("three of them")
    expect(here.sees("three of them").locator(".album .picture")).to_have_count(3)
    expect(field).to_have_attribute("placeholder", "Message")
    here.wait_mark("three of them", "stored")
    assert len(ben.history(conversation)[-1]["attachments"]) == 3
    assert here.problems == []


def test_files_can_be_pasted_and_dropped(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    give(here.page, "paste", ".composer textarea", "pasted.bin")
    give(here.page, "dragover", ".messages", "dropped.bin")
    expect(here.page.locator(".drop-here")).to_be_visible()
    give(here.page, "drop", ".messages", "dropped.bin")
    expect(here.page.locator(".drop-here")).to_be_hidden()
    expect(here.page.locator(".uploads .name")).to_have_text(["pasted.bin", "dropped.bin"])


def test_viewer_shows_all_pictures_of_the_conversation_and_closes_with_back(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    send_pictures(ben, conversation, "first", "second", "third")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    page = here.page
    page.set_viewport_size({"width": 390, "height": 760})
    before = page.evaluate("location.hash")
    here.sees("second").locator(".picture.there").click()
    place, caption = page.locator(".lightbox .place"), page.locator(".lightbox .caption")
    expect(place).to_have_text("2 of 3")
    expect(caption).to_have_text("second")
    page.keyboard.press("ArrowRight")
    expect(caption).to_have_text("third")
    expect(page.get_by_label("Next picture")).to_be_hidden()
    for _ in range(2):
        page.get_by_label("Previous picture").click()
    expect(caption).to_have_text("first")
    image = page.locator(".lightbox .stage img")
    width = image.bounding_box()
    page.keyboard.press("+")
    assert width is not None
    wait_until(lambda: (image.bounding_box() or width)["width"] > width["width"], 10, "the zoom")
    page.keyboard.press("0")
    with page.expect_download() as saved:
        page.locator(".lightbox .save").click()
    assert saved.value.suggested_filename == "0.png"
    assert violations(page) == []
    page.go_back()
    expect(page.locator(".lightbox")).to_have_count(0)
    assert page.evaluate("location.hash") == before
    here.sees("second")
    for close in ("Escape", "button"):
        here.message("second").locator(".picture.there").click()
        expect(place).to_have_text("2 of 3")
        page.keyboard.press("Escape") if close == "Escape" else page.get_by_label("Close").click()
        expect(page.locator(".lightbox")).to_have_count(0)
    page.get_by_label("Back to conversations").click()
    here.row("Ben Baker").click()
    page.get_by_label("Details", exact=True).click()
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_forward()
    here.sees("second")
    wait_until(lambda: not page.evaluate("history.state?.cover"), 10, "the entries to be removed")
    assert page.evaluate("location.hash") == before
    assert here.problems == []
