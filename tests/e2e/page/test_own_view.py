"""Changes that only the user sees: conversations marked as unread, cleared, deleted."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from dev.processes import wait_until
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.e2e.page.window import Window
from tests.support.patience import PATIENCE


def details(at: Window, line: str) -> Locator:
    at.page.get_by_label("Details", exact=True).click()
    return at.page.get_by_role("button", name=line)


def confirm(at: Window, act: str) -> None:
    at.page.get_by_role("dialog").get_by_role("button", name=act, exact=True).click()


def test_marked_as_unread_until_it_is_opened(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "remember this")

    def read_seq() -> int:
        members = ben.call("GET", f"/conversations/{conversation}")["members"]
        return next(member["readSeq"] for member in members if member["userId"] == ann.id)

    here, other = window().sign_in_demo(ann.username), window().sign_in_demo(ann.username)
    here.open("Ben Baker").sees("remember this")
    expect(here.row("Ben Baker").locator(".badge")).to_have_count(0)
    wait_until(lambda: read_seq() == 1, PATIENCE, "the read mark to arrive: it would end the mark as unread")
    details(here, "Mark as unread").click()
    expect(here.page.get_by_role("log", name="Messages")).to_have_count(0)  # the page has left the conversation
    for screen in (here, other):
        expect(screen.row("Ben Baker").get_by_label("marked as unread")).to_be_visible()
        expect(screen.page).to_have_title("(1) Parley")
    here.page.reload()
    expect(here.row("Ben Baker").get_by_label("marked as unread")).to_be_visible()
    assert read_seq() == 1, "the receipt stays"
    other.open("Ben Baker")
    for screen in (here, other):
        expect(screen.row("Ben Baker").locator(".badge")).to_have_count(0)


def test_cleared_history_is_gone_on_all_screens(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "old")
    here, other = (window().sign_in_demo(ann.username).open("Ben Baker") for _ in range(2))
    there = window().sign_in_demo(ben.username).open("Ann Archer")
    here.sees("old")
    other.sees("old")
    details(here, "Clear history").click()
    confirm(here, "Clear")
    for screen in (here, other):
        expect(screen.message("old")).to_have_count(0)
        expect(screen.row("Ben Baker")).to_contain_text("No messages yet")
    ben.say(conversation, "new")
    for screen in (here, other):
        screen.sees("new")
        expect(screen.message("old")).to_have_count(0)
    there.sees("old")
    here.page.reload()
    here.sees("new")
    expect(here.message("old")).to_have_count(0)


def test_deleted_conversation_comes_back_with_the_next_message(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "old")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    other = window().sign_in_demo(ann.username).open("Ben Baker")
    details(here, "Delete conversation").click()
    confirm(here, "Delete")
    for screen in (here, other):
        expect(screen.row("Ben Baker")).to_have_count(0)
        expect(screen.page.get_by_text("Choose a conversation")).to_be_visible()
    here.page.reload()
    here.wait_online()
    expect(here.row("Ben Baker")).to_have_count(0)
    ben.say(conversation, "new")
    for screen in (here, other):
        expect(screen.row("Ben Baker")).to_contain_text("new")
        screen.open("Ben Baker").sees("new")
        expect(screen.message("old")).to_have_count(0)
