"""New names and deleted accounts show at once, everywhere on an open page, and after an absence."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.gate import EVERYTHING, Gate
from tests.e2e.page.people import People


def test_new_name_and_the_end_of_an_account_show_everywhere(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    group = ben.group("Walks", ann)
    direct = ben.direct(ann)
    ben.say(group, "hello all")
    ben.say(direct, "hello")
    here = window().sign_in_demo(ann.username).open("Walks")
    expect(here.page.locator(".message .sender")).to_have_text("Ben Baker")
    expect(here.page.locator(".notice").first).to_contain_text("Ben Baker")
    ben.call("PATCH", "/me", json={"displayName": "Benny Novak"})
    expect(here.page.locator(".message .sender")).to_have_text("Benny Novak")
    expect(here.page.locator(".notice").first).to_contain_text("Benny Novak")
    expect(here.row("Walks")).to_contain_text("Benny Novak: hello all")
    here.open("Benny Novak")
    ben.call("PATCH", "/me", json={"displayName": "Ben Again"})
    expect(here.page.locator(".conversation-head h1")).to_have_text("Ben Again")
    ben.call("DELETE", "/me", json={"password": "correct horse battery"})
    expect(here.page.locator(".conversation-head h1")).to_have_text("Deleted account")
    assert here.problems == []


def test_page_that_was_away_shows_the_new_name(window: OpenWindow, people: People, gate: Gate) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    here = window(gate.url).sign_in_demo(ann.username).open("Ben Baker")
    gate.shut(EVERYTHING)
    here.context.set_offline(True)
    here.wait_offline()
    ben.call("PATCH", "/me", json={"displayName": "Benny Novak"})
    gate.open()
    here.context.set_offline(False)
    here.wait_online()
    expect(here.page.locator(".conversation-head h1")).to_have_text("Benny Novak")
