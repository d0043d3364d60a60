"""Drafts in the page: they survive switching, a reload, and reach other devices, with the reply they answer."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.contract.expect import eventually
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People, Somebody
from tests.e2e.page.window import Window


def field(at: Window) -> Locator:
    return at.page.locator(".composer textarea")


def above(at: Window) -> Locator:
    return at.page.locator(".composer .above")


def kept(at: Window) -> list[str]:
    """Returns the drafts that the browser keeps because they are not on the server yet."""
    keys: list[str] = at.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('parley.draft.'))")
    return keys


def stored(person: Somebody, conversation: int) -> str:
    return str(person.call("GET", f"/conversations/{conversation}").get("draft", {}).get("message", ""))


def test_draft_survives_switching_and_reload_with_its_reply(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ann.say(ann.direct(people.new("Cyd Cole")), "hello")
    ben.say(conversation, "what do you think?")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.choose("what do you think?", "Reply")
    field(here).fill("I think")
    here.open("Cyd Cole")
    expect(field(here)).to_have_value("")
    expect(here.row("Ben Baker")).to_contain_text("Draft:I think")
    here.open("Ben Baker")
    expect(field(here)).to_have_value("I think")
    expect(above(here)).to_contain_text("what do you think?")
    field(here).fill("I think so")
    here.page.reload()  # before the draft is saved on the server
    expect(field(here)).to_have_value("I think so")
    expect(above(here)).to_contain_text("Reply to Ben Baker")
    expect(above(here)).to_contain_text("what do you think?")
    field(here).press("Enter")
    expect(here.sees("I think so").locator(".quote")).to_contain_text("what do you think?")
    here.page.reload()
    here.sees("I think so")
    expect(field(here)).to_have_value("")
    expect(above(here)).to_be_empty()


def test_draft_reaches_another_device_and_sending_clears_it_there(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "lunch?")
    desk, phone = (window().sign_in_demo(ann.username) for _ in range(2))
    desk.open("Ben Baker").choose("lunch?", "Reply")
    field(desk).fill("at noon")
    expect(phone.row("Ben Baker")).to_contain_text("Draft:at noon")
    phone.open("Ben Baker")
    expect(field(phone)).to_have_value("at noon")
    expect(above(phone)).to_contain_text("lunch?")
    field(desk).fill("at one")
    expect(field(phone)).to_have_value("at one")  # it is open there, and nobody types in it
    field(desk).press("Enter")
    expect(field(phone)).to_have_value("")
    assert stored(ann, conversation) == ""


def test_events_of_the_same_page_do_not_replace_what_is_typed(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    for letter in "a longer text":
        field(here).press_sequentially(letter)
        here.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(field(here)).to_have_value("a longer text")
    eventually(lambda: kept(here) == [], "the last draft on the server")
    expect(field(here)).to_have_value("a longer text")
    assert stored(ann, conversation) == "a longer text"


def test_draft_of_an_offline_page_is_saved_later(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.sees("hello")
    here.context.set_offline(True)
    field(here).fill("written in a tunnel")
    here.context.set_offline(False)
    there = window().sign_in_demo(ann.username)
    expect(there.row("Ben Baker")).to_contain_text("written in a tunnel")


def test_page_starts_with_anything_in_the_place_of_a_draft(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    here = window().sign_in_demo(ann.username)
    for junk in ("{", "null", '{"message":5}'):
        here.page.evaluate(
            "([key, junk]) => localStorage.setItem(key, junk)", [f"parley.draft.{ann.id}.{conversation}", junk]
        )
        here.page.reload()
        here.open("Ben Baker").sees("hello")
        expect(field(here)).to_have_value("")
        assert kept(here) == []


def test_edit_is_no_draft_and_signing_out_leaves_nothing(window: OpenWindow, people: People) -> None:
    ann, _, conversation = people.pair()
    ann.say(conversation, "mine")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.choose("mine", "Edit")
    field(here).fill("mine, better")
    field(here).press("Escape")
    expect(field(here)).to_have_value("")
    field(here).fill("half")
    here.page.get_by_role("button", name="Settings").first.click()
    here.page.get_by_role("button", name="Sign out").click()
    here.page.get_by_label("Username").wait_for()
    assert kept(here) == []
