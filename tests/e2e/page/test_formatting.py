"""Formatted and long messages in the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People

TEXT = (
    "**Bold** and `code` [label](https://a.example/x) @{name}\n- one\n- _two_\n> quoted\n"
    "```js\nlet x = 1;\n```\n<b>no markup</b>"
)


def test_formatted_message_is_drawn_and_previewed_without_marks(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username)
    ben.say(conversation, TEXT.format(name=ann.username))
    expect(here.row("Ben Baker")).to_contain_text(f"Bold and code label @{ann.username}")
    here.open("Ben Baker")
    text = here.page.locator(".message .text").last
    expect(text.locator("strong")).to_have_text("Bold")
    expect(text.locator("p code")).to_have_text("code")
    expect(text.get_by_role("link")).to_have_attribute("href", "https://a.example/x")
    expect(text.locator(".host")).to_have_text("(a.example)")
    expect(text.locator(".mention.me")).to_have_text(f"@{ann.username}")
    expect(text.locator("li")).to_have_text(["one", "two"])
    expect(text.locator("li em")).to_have_text("two")
    expect(text.locator("blockquote")).to_have_text("quoted")
    expect(text.locator("pre")).to_have_text("let x = 1;")
    expect(text).to_contain_text("<b>no markup</b>")
    expect(text.locator("b")).to_have_count(0)


def test_long_message_is_folded(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    ben.say(conversation, "l\n" * 3000 + "the end")
    message = here.page.locator(".message").last
    more = message.get_by_role("button", name="Show more")
    expect(more).to_have_attribute("aria-expanded", "false")
    assert (message.bounding_box() or {})["height"] < 1000
    expect(message.get_by_text("the end")).to_have_count(0)
    more.focus()
    more.press("Enter")
    expect(message.get_by_text("the end")).to_have_count(1)
    expect(message.get_by_role("button", name="Show less")).to_be_focused()
    id_ = message.get_attribute("data-id")
    ben.call("PUT", f"/messages/{id_}/reactions", params={"emoji": "👍"})
    expect(message.locator(".reaction")).to_have_count(1)
    expect(message.get_by_text("the end")).to_have_count(1)
    message.get_by_role("button", name="Show less").press("Enter")
    expect(message.get_by_text("the end")).to_have_count(0)
