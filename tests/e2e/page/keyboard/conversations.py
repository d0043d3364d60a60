"""Finding, opening and setting conversations."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.keyboard.place import Place, act

# -- conversations --------------------


@act("open a conversation of the list")
def open_one(here: Place) -> None:
    here.ann.group("Opened")
    row = here.page.locator(".conversation-row", has_text="Opened")
    expect(row).to_be_visible()
    here.keys.press("Control+k", "ArrowDown")
    here.keys.enter(row)
    here.title("Opened")
    here.keys.shows()


@act("next conversation")
def next_one(here: Place) -> None:
    here.keys.press("Alt+ArrowDown")
    expect(here.page.locator(".conversation-head h1")).not_to_have_text("Ben Baker")
    here.keys.shows()


@act("next unread conversation")
def next_unread(here: Place) -> None:
    group = here.ann.group("Unread one", here.ben)
    here.ben.say(group, "news")
    expect(here.page.locator(".conversation-row", has_text="Unread one").locator(".badge")).to_be_visible()
    here.keys.press("Alt+Shift+ArrowDown")
    here.title("Unread one")
    here.keys.shows()


@act("find a conversation by its name and open it")
def find_one(here: Place) -> None:
    here.ann.group("Zebra crossing")
    here.keys.press("Control+k")
    here.keys.type("zebra")
    expect(here.page.locator(".results .person")).to_be_visible()
    here.keys.press("ArrowDown")
    here.keys.enter(here.page.locator(".results .person", has_text="Zebra crossing"))
    here.title("Zebra crossing")
    here.keys.shows()


@act("begin a conversation with somebody")
def begin_one(here: Place) -> None:
    new = here.people.new("Nora New")
    here.keys.press("Control+k")
    here.keys.type(new.username)
    found = here.page.locator(".results .person", has_text="Nora New")
    expect(found).to_be_visible()
    here.keys.enter(found)
    here.title("Nora New")
    expect(here.field).to_be_focused()


# -- one conversation --------------------


@act("mute a conversation")
def mute(here: Place) -> None:
    here.group("Muted")
    here.press_in_details("Mute", "Unmute", "For an hour")


@act("pin a conversation to the top")
def pin_conversation(here: Place) -> None:
    here.group("On top")
    here.press_in_details("Pin to top", "Unpin from top")


@act("archive a conversation")
def archive(here: Place) -> None:
    here.group("Archived one")
    here.press_in_details("Archive", "Unarchive")


@act("mark a conversation as unread")
def mark_unread(here: Place) -> None:
    here.group("To do")
    here.keys.details("Mark as unread")
    expect(here.page.locator(".conversation-row", has_text="To do").locator(".badge")).to_be_visible()
    here.keys.shows()


@act("clear a conversation for yourself")
def clear(here: Place) -> None:
    here.group("Cleared")
    here.keys.details("Clear history")
    here.keys.confirm("Clear")
    expect(here.page.locator(".message")).to_have_count(0)
    here.keys.shows()


@act("leave a group")
def leave(here: Place) -> None:
    group = here.group("Left")
    here.ann.call("PATCH", f"/conversations/{group}/members/{here.ben.id}", json={"role": "owner"})
    here.keys.details("Leave group")
    here.keys.confirm("Leave")
    expect(here.page.locator(".conversation-row", has_text="Left")).to_have_count(0)
    here.keys.shows()
