"""Links to a message, and jumps to a date."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.long_history import fill
from tests.e2e.page.people import People
from tests.support.processes import Stack


def test_copied_link_opens_its_message(window: OpenWindow, people: People, server: Stack) -> None:
    ann, ben, conversation = people.pair()
    fill(server.env["DATABASE_URL"], conversation, ann.id, ben.id, 2000)
    [message] = [m for m in ann.history(conversation, after=699) if m["seq"] == 700]
    here = window(permissions=["clipboard-read", "clipboard-write"]).sign_in_demo(ann.username)
    here.page.goto(f"{here.base_url}/#/c/{conversation}/m/700")
    row = here.page.locator('.message[data-seq="700"]')
    expect(row).to_be_in_viewport()
    here.page.goto(f"{here.base_url}/#/c/{conversation}")
    newest = ann.history(conversation)[-1]
    here.choose(newest["message"], "Copy link")
    expect(here.page.get_by_text("Link copied")).to_be_visible()
    copied = here.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{here.base_url}/#/c/{conversation}/m/{newest['id']}"

    there = window().sign_in_demo(ben.username)
    there.page.goto(f"{there.base_url}/#/c/{conversation}/m/{message['id']}")
    expect(there.page.locator('.message[data-seq="700"]')).to_be_in_viewport()


@pytest.mark.parametrize("place", ["9999", "0190a5f0-0000-7000-8000-000000000000"])
def test_link_to_no_message_says_so_and_opens_the_conversation(window: OpenWindow, people: People, place: str) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    here = window().sign_in_demo(ann.username)
    here.page.goto(f"{here.base_url}/#/c/{conversation}/m/{place}")
    expect(here.page.get_by_text("This message doesn't exist, or you don't have access to it.")).to_be_visible()
    here.sees("hello")


def test_strangers_link_shows_nothing(window: OpenWindow, people: People) -> None:
    _, ben, conversation = people.pair()
    said = ben.say(conversation, "secret")
    cyd = people.new("Cyd Cole")
    here = window().sign_in_demo(cyd.username)
    here.page.goto(f"{here.base_url}/#/c/{conversation}/m/{said['id']}")
    expect(here.page.get_by_text("This conversation doesn't exist, or you don't have access to it.")).to_be_visible()
    expect(here.message("secret")).to_have_count(0)


def test_jump_to_a_date_shows_its_first_message(window: OpenWindow, people: People, server: Stack) -> None:
    ann, ben, conversation = people.pair()
    fill(server.env["DATABASE_URL"], conversation, ann.id, ben.id, 6000)  # a minute apart: somewhat over four days
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.page.get_by_label("Details", exact=True).click()
    here.page.get_by_role("button", name="Jump to a date").click()
    assert violations(here.page) == []
    day = here.page.evaluate("new Date(Date.now() - 2 * 864e5).toLocaleDateString('sv')")
    here.page.get_by_label("Date", exact=True).fill(day)
    here.page.keyboard.press("Enter")
    lit = here.page.locator(".message.lit")
    expect(lit).to_be_in_viewport()
    seq = int(lit.get_attribute("data-seq") or 0)
    sent = here.page.evaluate(f"new Date('{day}T00:00').toISOString()")
    [found] = [m for m in ann.history(conversation, after=seq - 1) if m["seq"] == seq]
    [before] = [m for m in ann.history(conversation, before=seq) if m["seq"] == seq - 1]
    assert before["sentAt"] < sent <= found["sentAt"]
