"""The bubble with the number of unread messages, and the list of conversations."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.contract.expect import eventually
from tests.e2e.page.axe import violations
from tests.e2e.widget.conftest import OpenPage, chat, events, field, message, wait_event
from tests.e2e.widget.host import HostServer


def test_bubble_counts_and_opens_and_closes_by_keyboard(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    ben.say(conversation, "one")
    page = open_page(chat(f'conversation="{conversation}" launcher'), user=ann.username)
    bubble = page.get_by_role("button", name="Chat, 1 unread message", exact=True)
    expect(bubble).to_be_visible()
    expect(bubble).to_have_attribute("aria-expanded", "false")
    assert wait_event(page, "parley-unread", "detail.count === 1") == {"count": 1}
    ben.say(conversation, "two")
    expect(page.get_by_role("button", name="Chat, 2 unread messages")).to_contain_text("2")
    assert ann.call("GET", f"/conversations/{conversation}")["unread"] == 2, "a closed chat reads nothing"
    assert violations(page) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Chat")
    expect(panel).to_be_visible()
    expect(field(page)).to_be_focused()
    assert page.locator("parley-chat").get_attribute("open") == ""
    expect(message(page, "two")).to_be_in_viewport()
    wait_event(page, "parley-unread", "detail.count === 0")
    eventually(lambda: ann.call("GET", f"/conversations/{conversation}")["unread"] == 0, "that it is read")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Chat", exact=True)).to_be_focused()
    assert page.locator("parley-chat").get_attribute("open") is None


def test_page_opens_and_closes_the_chat_without_taking_the_focus(open_page: OpenPage, host: HostServer) -> None:
    ann = host.new("Ann Archer")
    page = open_page(f'<input aria-label="Amount">{chat("launcher open")}', user=ann.username)
    amount = page.get_by_label("Amount")
    amount.focus()
    panel = page.get_by_role("dialog", name="Chat")
    expect(panel.get_by_text("No conversations yet")).to_be_visible()
    page.evaluate("document.querySelector('parley-chat').open = false")
    expect(panel).to_be_hidden()
    page.evaluate("document.querySelector('parley-chat').open = true")
    expect(panel).to_be_visible()
    expect(amount).to_be_focused()
    page.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_chat_fills_a_phone(open_page: OpenPage, host: HostServer) -> None:
    ann, ben = host.new("Ann Archer"), host.new("Ben Baker")
    page = open_page(chat(f'recipient="{ben.id}" launcher'), user=ann.username)
    page.set_viewport_size({"width": 360, "height": 640})
    page.get_by_role("button", name="Chat", exact=True).click()
    panel = page.get_by_role("dialog", name="Chat")
    expect(panel).to_be_visible()
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 640}
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_list_leads_to_conversations_and_back(open_page: OpenPage, host: HostServer) -> None:
    ann, ben, cyd = (host.new(name) for name in ("Ann Archer", "Ben Baker", "Cyd Cole"))
    group = ann.group("Orders", ben, cyd)
    cyd.say(group, "The lamp is broken")
    ben.say(ann.direct(ben), "Good **morning**")
    page = open_page(chat(), user=ann.username)
    rows = page.locator(".conversation-row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Ben Baker")
    expect(rows.first).to_contain_text("Good morning")
    expect(rows.last.get_by_role("img", name="unread message")).to_be_visible()
    assert violations(page) == []
    rows.last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    expect(message(page, "The lamp is broken").locator(".sender")).to_have_text("Cyd Cole")
    expect(page.get_by_text("You created the group")).to_be_visible()
    expect(field(page)).to_be_focused()
    assert violations(page) == []
    page.get_by_role("button", name="Back to conversations").click()
    expect(rows.first).to_be_focused()
    wait_event(page, "parley-unread", "detail.count === 1")
    cyd.say(group, "Never mind")
    expect(rows.first).to_contain_text("Never mind")
    eventually(lambda: events(page, "parley-unread")[-1] == {"count": 2}, "the new count")
    assert events(page, "parley-ready") == [{"userId": ann.id}]
