"""Acts on a message in the widget: react, reply, edit, delete, and stop one that still grows."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.contract.expect import eventually
from tests.e2e.page.axe import violations
from tests.e2e.widget.conftest import OpenPage, chat, field, message
from tests.e2e.widget.host import HostServer

ESCAPE_WHILE_COMPOSING = """(field) => {
    const all = {bubbles: true, cancelable: true, composed: true};
    field.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", isComposing: true, ...all}));
}"""


def act(page: Page, text: str, name: str) -> Locator:
    """Opens the bar of the message with this text, and returns the button with this name."""
    row = message(page, text)
    row.hover()
    row.get_by_role("button", name="More", exact=True).click()
    return row.get_by_role("button", name=name, exact=True)


def test_reaction_and_reply(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    ben.say(conversation, "Is it still there?")
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    act(page, "Is it still there?", "React with 👍").click()
    expect(page.get_by_role("button", name="👍, 1, including yours")).to_be_visible()
    eventually(lambda: ben.history(conversation)[0]["reactions"] != [], "the reaction")
    act(page, "Is it still there?", "React with 👍").click()
    expect(page.get_by_role("button", name="👍, 1, including yours")).to_have_count(0)

    act(page, "Is it still there?", "Reply").click()
    expect(page.locator(".above")).to_contain_text("Reply to Ben Baker")
    expect(page.locator(".above")).to_contain_text("Is it still there?")
    assert violations(page) == []
    page.keyboard.type("Yes, it is.")
    page.keyboard.press("Enter")
    expect(message(page, "Yes, it is.").locator(".quote")).to_contain_text("Is it still there?")
    expect(page.locator(".above")).to_be_hidden()
    eventually(lambda: len(ben.history(conversation)) == 2, "the reply")
    first, reply = ben.history(conversation)
    assert reply["replyTo"] == first["id"]
    field(page).fill("Really.")
    field(page).press("Enter")
    eventually(lambda: len(ben.history(conversation)) == 3, "the message")
    assert "replyTo" not in ben.history(conversation)[2]


def test_own_message_is_edited_and_deleted_and_the_draft_stays(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    ben.say(conversation, "Hello")
    ann.say(conversation, "Hi Bne")
    page = open_page(chat(f'conversation="{conversation}" launcher open'), user=ann.username)
    field(page).fill("a draft")
    act(page, "Hi Bne", "Edit").click()
    expect(field(page)).to_have_value("Hi Bne")
    field(page).press("Escape")
    expect(field(page)).to_have_value("a draft")
    act(page, "Hi Bne", "Edit").click()
    field(page).fill("Hi Ben")
    field(page).press("Enter")
    expect(message(page, "Hi Ben").get_by_text("edited")).to_be_visible()
    expect(field(page)).to_have_value("a draft")
    assert ben.history(conversation)[1]["message"] == "Hi Ben"

    act(page, "Hello", "Reply")
    expect(message(page, "Hello").get_by_role("button", name="Edit")).to_have_count(0)
    act(page, "Hi Ben", "Delete for everyone").click()
    expect(message(page, "Hi Ben")).to_be_visible()  # the second press deletes
    message(page, "Hi Ben").get_by_role("button", name="Delete for everyone").click()
    expect(page.get_by_text("This message was deleted")).to_be_visible()
    assert "deletedAt" in ben.history(conversation)[1]


def test_escape_of_an_input_method_ends_neither_the_edit_nor_the_chat(open_page: OpenPage, host: HostServer) -> None:
    ann, _, conversation = host.pair()
    ann.say(conversation, "Hello")
    page = open_page(chat(f'conversation="{conversation}" launcher open'), user=ann.username)
    expect(message(page, "Hello")).to_be_visible()
    field(page).evaluate(ESCAPE_WHILE_COMPOSING)
    expect(field(page)).to_be_visible()
    act(page, "Hello", "Edit").click()
    field(page).evaluate(ESCAPE_WHILE_COMPOSING)
    expect(field(page)).to_have_value("Hello")
    expect(page.locator(".above")).to_contain_text("Edit message")


def test_bar_is_used_by_keyboard(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    ben.say(conversation, "Hello")
    page = open_page(chat(f'conversation="{conversation}" launcher open'), user=ann.username)
    more = message(page, "Hello").get_by_role("button", name="More", exact=True)
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="React with 👍")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "false")
    expect(field(page)).to_be_visible()  # Escape closed the bar and not the chat


def test_refused_edit_is_explained_and_stays_in_the_field(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    ann.say(conversation, "Hello")
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    act(page, "Hello", "Edit").click()
    newest = ann.history(conversation)[0]
    ann.call("PATCH", f"/messages/{newest['id']}", json={"message": "Hello from my phone"})
    expect(message(page, "Hello from my phone")).to_be_visible()
    field(page).fill("Hello from here")
    field(page).press("Enter")
    expect(page.locator(".composer .state")).to_be_visible()
    expect(field(page)).to_have_value("Hello from here")
    expect(page.locator(".above")).to_contain_text("Edit message")
    assert ben.history(conversation)[0]["message"] == "Hello from my phone"


def test_growing_message_can_be_stopped(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    started = ben.call("POST", "/streams", json={"conversationId": conversation})
    ben.call("POST", f"/streams/{started['id']}/append", json={"from": 0, "text": "Once upon"})
    page = open_page(chat(f'conversation="{conversation}"'), user=ann.username)
    message(page, "Once upon").get_by_role("button", name="Stop writing").click()
    expect(page.get_by_role("button", name="Stop writing")).to_have_count(0)
    eventually(lambda: not ben.history(conversation)[0].get("streaming"), "the end")
    expect(message(page, "Once upon")).to_be_visible()
