"""The keyboard shortcuts: each one on the sheet works, and none gets into the way of typing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People, Somebody
from tests.e2e.page.window import Window

# The rows of the sheet. A new row must be added here, with a test.
EVERYWHERE = [
    "Ctrl K",
    "Ctrl Shift F",
    "Alt ↓",
    "Alt ↑",
    "Alt Shift ↓",
    "Alt Shift ↑",
    "Shift Page ↑",
    "Shift Page ↓",
    "Ctrl I",
    "Ctrl ,",
    "Ctrl /",
]
IN_FIELD = ["Enter", "Shift Enter", "↑", "Escape"]
ON_MESSAGE = ["↑", "↓", "Enter", "R", "E", "+", "F", "C", "S", "P", "Delete"]


@pytest.fixture
def ann(people: People) -> Somebody:
    return people.new("Ann Archer")


def opened(page: Page) -> str:
    return page.locator(".conversation-head h1").inner_text()


def test_sheet_lists_the_shortcuts(window: OpenWindow, ann: Somebody) -> None:
    page = window().sign_in_demo(ann.username).page
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    for title, keys in (("Everywhere", EVERYWHERE), ("In the message field", IN_FIELD), ("On a message", ON_MESSAGE)):
        rows = sheet.get_by_role("region", name=title).locator("dd")
        assert [" ".join(row.locator("kbd").all_inner_texts()) for row in rows.all()] == keys
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.get_by_role("searchbox").fill("what")
    page.keyboard.press("?")
    expect(page.get_by_role("searchbox")).to_have_value("what?")
    expect(sheet).to_have_count(0)
    page.keyboard.press("Control+/")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("New conversation").click()
    page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    expect(sheet).to_be_visible()


def test_shortcuts_go_to_conversations_and_messages(window: OpenWindow, people: People, ann: Somebody) -> None:
    others = [people.new(name) for name in ("Ben Baker", "Cyd Cole", "Dana Ruiz")]
    for other in others:  # Dana's is the first of the list
        ann.say(other.direct(ann), "hello")
    here = window().sign_in_demo(ann.username)
    page = here.page
    here.open("Cyd Cole")
    field = page.locator(".composer textarea")
    for keys, name in (
        ("Alt+ArrowDown", "Ben Baker"),
        ("Alt+ArrowDown", "Dana Ruiz"),
        ("Alt+ArrowUp", "Ben Baker"),
        ("Alt+ArrowUp", "Cyd Cole"),
    ):
        page.keyboard.press(keys)
        expect(page.locator(".conversation-head h1")).to_have_text(name)
        expect(field).to_be_focused()
        expect(page.locator(".above")).to_be_empty()
    others[0].say(others[0].direct(ann), "unread")
    expect(here.row("Ben Baker").locator(".badge")).to_have_text("1")
    page.keyboard.press("Alt+ArrowDown")  # the unread one is the first of the list now
    expect(page.locator(".conversation-head h1")).to_have_text("Ben Baker")
    expect(here.row("Ben Baker").locator(".badge")).to_have_count(0)
    others[1].say(others[1].direct(ann), "unread")
    expect(here.row("Cyd Cole").locator(".badge")).to_have_text("1")
    page.keyboard.press("Alt+Shift+ArrowUp")
    expect(page.locator(".conversation-head h1")).to_have_text("Cyd Cole")
    page.keyboard.press("Alt+Shift+ArrowDown")  # nothing is unread
    page.keyboard.press("Control+i")
    expect(page.locator(".panel h2")).to_have_text("Details")
    page.keyboard.press("Control+i")
    expect(page.locator(".panel")).to_have_count(0)
    page.keyboard.press("Control+Shift+F")
    expect(page.locator(".panel").get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search conversations, people and messages")).to_be_focused()
    page.keyboard.press("Control+,")
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    page.keyboard.press("Control+k")  # nothing happens behind a dialog
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    assert opened(page) == "Cyd Cole"


def test_shortcuts_jump_to_unread_and_newest(window: OpenWindow, people: People, ann: Somebody) -> None:
    ben = people.new("Ben Baker")
    conversation = ben.direct(ann)
    for number in range(1, 41):
        ben.say(conversation, f"line {number}")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    expect(here.message("line 1")).to_be_in_viewport()
    here.page.keyboard.press("Shift+PageDown")
    expect(here.message("line 40")).to_be_in_viewport()
    expect(here.message("line 1")).not_to_be_in_viewport()
    here.page.keyboard.press("Shift+PageUp")
    expect(here.page.locator(".divider")).to_be_in_viewport()
    expect(here.message("line 1")).to_be_in_viewport()


def test_keys_act_on_the_focused_message(window: OpenWindow, people: People, ann: Somebody) -> None:
    ben = people.new("Ben Baker")
    conversation = ben.direct(ann)
    ben.say(conversation, "theirs")
    ann.say(conversation, "mine")
    here = window(permissions=["clipboard-read", "clipboard-write"]).sign_in_demo(ann.username).open("Ben Baker")
    page = here.page
    field, above = page.locator(".composer textarea"), page.locator(".above")
    focus_last(here, "mine")

    page.keyboard.press("r")
    expect(above).to_contain_text("Reply to")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    focus_last(here, "mine")
    page.keyboard.press("e")
    expect(above).to_contain_text("Edit message")
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    focus_last(here, "mine")
    page.keyboard.press("c")
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "mine"
    page.keyboard.press("s")
    expect(here.message("mine").get_by_title("Starred")).to_be_visible()
    page.keyboard.press("p")
    expect(here.message("mine").get_by_title("Pinned")).to_be_visible()
    page.keyboard.press("+")
    page.get_by_role("menuitemcheckbox", name="React with thumbs up").press("Enter")
    expect(here.message("mine").locator(".reaction")).to_be_visible()

    focus_last(here, "mine")
    page.keyboard.press("ArrowUp")
    expect(here.message("theirs")).to_be_focused()
    page.keyboard.press("e")  # of somebody else: nothing to edit
    expect(above).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    expect(here.message("mine")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("f")  # the keys work in the menu too
    expect(page.get_by_role("dialog", name="Forward to")).to_be_visible()
    page.keyboard.press("Escape")
    focus_last(here, "mine")
    page.keyboard.press("Delete")
    page.get_by_role("dialog", name="Delete this message?").get_by_role("button", name="Delete for me").press("Enter")
    expect(here.message("mine")).to_have_count(0)


def focus_last(here: Window, text: str) -> None:
    """Reaches the newest message from the list."""
    here.sees(text)
    here.page.locator(".messages .scroller").focus()
    here.page.keyboard.press("ArrowUp")
    expect(here.message(text)).to_be_focused()
