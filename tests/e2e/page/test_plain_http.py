"""The page at an address without https, where browsers have no clipboard, locks, notifications or service workers."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.browser import PLAIN_HOST
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.support.processes import Stack

ABSENT = "[isSecureContext, !!navigator.clipboard, !!navigator.locks, !!navigator.serviceWorker, !!crypto.randomUUID]"


def test_page_works_on_plain_http(window: OpenWindow, people: People, server: Stack) -> None:
    ann, ben, conversation = people.pair()
    group = ann.group("Team", ben)
    said = ben.say(conversation, "copy this\nand that")
    here = window(server.base_url.replace("127.0.0.1", PLAIN_HOST))
    page = here.page
    here.sign_in(ann.username, PASSWORD)
    assert page.evaluate(ABSENT) == [False] * 5
    here.wait_online("websocket")
    here.open("Ben Baker")
    field = page.locator(".composer textarea")

    here.choose("copy this\nand that", "Copy text")
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    field.focus()
    page.keyboard.press("Control+v")
    expect(field).to_have_value("copy this\nand that")
    here.choose("copy this\nand that", "Copy link")
    field.fill("")
    page.keyboard.press("Control+v")
    expect(field).to_have_value(f"{here.base_url}/#/c/{conversation}/m/{said['id']}")
    field.fill("sent over plain http")
    field.press("Enter")
    here.wait_mark("sent over plain http", "stored")

    page.goto(f"{here.base_url}/#/c/{group}")
    page.get_by_label("Details", exact=True).click()
    page.get_by_role("button", name="Invite links").click()
    dialog = page.get_by_role("dialog", name="Invite links")
    dialog.get_by_role("button", name="New link").click()
    dialog.get_by_label("Copy link").click()
    address = dialog.locator("code").inner_text()
    page.keyboard.press("Escape")
    page.locator(".composer textarea").focus()
    page.keyboard.press("Control+v")
    expect(page.locator(".composer textarea")).to_have_value(address)

    page.get_by_label("Settings and profile").click()
    expect(page.get_by_text("Browsers show notifications only for secure addresses")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    here.wait_online()
