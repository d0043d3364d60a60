"""The message field: input methods, and the limit of a message."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.e2e.page.window import Window

FAMILY = "👨\u200d👩\u200d👧"


@pytest.fixture
def here(window: OpenWindow, people: People) -> Window:
    ann, _, _ = people.pair()
    return window().sign_in_demo(ann.username).open("Ben Baker")


def press(here: Window, **event: Any) -> bool:
    """Sends a keydown to the field. Returns whether the page let it pass."""
    code = (
        "(field, init) => field.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, cancelable: true, ...init}))"
    )
    return bool(here.page.locator(".composer textarea").evaluate(code, event))


def sent_text(here: Window) -> str:
    """Returns the text of the message that was just sent, unfolded."""
    message = here.page.locator(".message").last
    message.get_by_role("button", name="Show more").click()
    return message.locator(".text").inner_text()


def test_enter_of_an_input_method_does_not_send(here: Window) -> None:
    field = here.page.locator(".composer textarea")
    field.focus()
    browser = here.context.new_cdp_session(here.page)
    browser.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    key = {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": "Enter", "code": "Enter"}
    browser.send("Input.dispatchKeyEvent", key)
    assert press(here, key="Enter", isComposing=True)
    browser.send("Input.insertText", {"text": "日本"})
    assert press(here, key="Enter", keyCode=229, which=229), "Safari sends it after the composition"
    assert press(here, key="Escape", keyCode=229, which=229)
    expect(field).to_have_value("日本")
    field.press("Enter")
    here.sees("日本")
    expect(field).to_have_value("")


def test_long_text_is_cut_with_a_word(here: Window) -> None:
    field, note = here.page.locator(".composer textarea"), here.page.locator(".composer .room")
    field.focus()
    here.page.keyboard.insert_text("a" * 8000 + "TAIL")
    expect(note).to_have_text("Only 8,000 characters fit. The last 4 were cut off.")
    expect(field).to_have_value("a" * 8000)
    field.press("Backspace")
    expect(note).to_have_text("1 character left")
    here.page.keyboard.insert_text("😀😀")
    expect(field).to_have_value("a" * 7999 + "😀")
    expect(note).to_have_text("Only 8,000 characters fit. The last one was cut off.")
    field.press("Enter")
    expect(note).to_be_hidden()
    assert sent_text(here) == "a" * 7999 + "😀"


def test_limit_counts_code_points_and_cuts_whole_characters(here: Window) -> None:
    field, note = here.page.locator(".composer textarea"), here.page.locator(".composer .room")
    field.focus()
    here.page.keyboard.insert_text("😀" * 5000)
    expect(field).to_have_value("😀" * 5000)
    expect(note).to_be_hidden()
    field.press("Control+Home")
    here.page.keyboard.insert_text("b" * 2998 + FAMILY)
    expect(field).to_have_value("b" * 2998 + "😀" * 5000)
    expect(note).to_have_text("Only 8,000 characters fit. The last 5 were cut off.")
    field.press("Enter")
    assert sent_text(here) == "b" * 2998 + "😀" * 5000


def test_name_is_limited_in_code_points(here: Window) -> None:
    here.page.get_by_label("Settings").first.click()
    name = here.page.get_by_label("Name", exact=True)
    name.fill("😀" * 81)
    expect(name).to_have_value("😀" * 80)
    expect(here.page.get_by_text("Only 80 characters fit. The last one was cut off.")).to_be_visible()
