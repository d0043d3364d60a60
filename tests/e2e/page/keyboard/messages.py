"""Acts on messages."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.page.keyboard.place import Place, act
from tests.e2e.page.people import Somebody


@act("send a text")
def send(here: Place) -> None:
    here.keys.type("written by keys")
    here.keys.press("Enter")
    here.said("written by keys")
    expect(here.field).to_be_focused()


@act("begin a new line")
def new_line(here: Place) -> None:
    here.keys.type("one")
    here.keys.press("Shift+Enter")
    here.keys.type("two")
    expect(here.field).to_have_value("one\ntwo")
    here.field.fill("")


@act("reply to a message")
def reply(here: Place) -> None:
    here.keys.message("hello from Ben")
    here.keys.press("r")
    expect(here.field).to_be_focused()
    here.keys.type("an answer")
    here.keys.press("Enter")
    expect(here.said("an answer").locator(".quote")).to_be_visible()
    here.keys.shows()


@act("edit your last message, and save")
def edit_last(here: Place) -> None:
    here.ann.say(here.direct, "last of Ann")
    here.said("last of Ann")
    here.keys.press("ArrowUp")
    expect(here.field).to_have_value("last of Ann")
    here.keys.type(", changed")
    here.keys.press("Enter")
    here.said("last of Ann, changed")
    expect(here.field).to_be_focused()


@act("edit an older message, and save")
def edit_older(here: Place) -> None:
    here.ann.say(here.direct, "older of Ann")
    here.ann.say(here.direct, "newer of Ann")
    here.said("newer of Ann")
    here.keys.message("older of Ann")
    here.keys.press("e")
    here.keys.type("!")
    here.keys.press("Enter")
    here.said("older of Ann!")
    here.keys.shows()


@act("delete a message for everyone")
def delete_for_everyone(here: Place) -> None:
    row = here.own("soon gone")
    here.keys.press("Enter")
    here.keys.entry("Delete for everyone")
    here.keys.confirm("Delete for everyone")
    expect(row).to_have_count(0)
    here.keys.shows()


@act("delete a message for yourself")
def delete_for_me(here: Place) -> None:
    row = here.own("gone for me")
    here.keys.press("Delete")
    here.keys.confirm("Delete for me")
    expect(row).to_have_count(0)
    here.keys.shows()


@act("react with a common emoji")
def react(here: Place) -> None:
    row = here.own("react to me")
    here.keys.press("+")
    here.keys.tab_to(here.page.get_by_role("menuitemcheckbox", name="React with heart"), "ArrowRight")
    here.keys.press("Enter")
    expect(row.locator(".reaction")).to_be_visible()
    here.keys.shows()


@act("react with any emoji")
def react_any(here: Place) -> None:
    row = here.own("react with a party")
    here.keys.press("+")
    here.keys.entry("More reactions")
    expect(here.page.get_by_role("dialog").get_by_role("searchbox")).to_be_focused()
    here.keys.type("party pop")
    here.keys.press("Enter")
    expect(row.locator(".reaction")).to_have_text("🎉")
    here.keys.shows()


def reacted(here: Place, somebody: Somebody, text: str) -> Locator:
    """Goes to a message of Ann's with a reaction. Returns its row."""
    message = here.ann.say(here.direct, text)
    somebody.call("PUT", f"/messages/{message['id']}/reactions", params={"emoji": "👍"})
    expect(here.said(text).locator(".reaction")).to_be_visible()
    return here.keys.message(text)


@act("add your reaction to somebody's")
def react_too(here: Place) -> None:
    row = reacted(here, here.ben, "they like it")
    here.keys.enter(row.locator(".reaction"))
    expect(row.locator(".reaction.mine")).to_be_visible()
    here.keys.shows()


@act("take your reaction back")
def unreact(here: Place) -> None:
    row = reacted(here, here.ann, "I like it")
    here.keys.enter(row.locator(".reaction.mine"))
    expect(row.locator(".reaction")).to_have_count(0)
    here.keys.shows()


@act("forward a message")
def forward(here: Place) -> None:
    target = here.ann.group("Forward to here")
    here.keys.message("hello from Ben")
    here.keys.press("f")
    dialog = here.page.get_by_role("dialog", name="Forward to")
    here.keys.enter(dialog.get_by_role("button", name="Forward to here"))
    expect(dialog).to_have_count(0)
    here.keys.shows()
    here.open(target)
    expect(here.page.locator(".message .forwarded")).to_be_visible()


@act("copy the text of a message")
def copy_text(here: Place) -> None:
    here.keys.message("hello from Ben")
    here.keys.press("c")
    expect(here.page.get_by_text("Copied", exact=True)).to_be_visible()
    here.keys.shows()


@act("copy the link to a message")
def copy_link(here: Place) -> None:
    here.keys.choose("hello from Ben", "Copy link")
    expect(here.page.get_by_text("Link copied")).to_be_visible()
    here.keys.shows()


@act("pin a message")
def pin(here: Place) -> None:
    row = here.own("pin me")
    here.keys.press("Enter")
    here.keys.entry("Pin")
    expect(row.get_by_title("Pinned")).to_be_visible()
    here.keys.shows()


@act("star or save a message")
def star(here: Place) -> None:
    row = here.own("star me")
    here.keys.press("s")
    expect(row.get_by_title("Starred")).to_be_visible()
    here.keys.shows()


@act("list what you starred")
def starred(here: Place) -> None:
    message = here.ann.say(here.direct, "among the stars")
    here.ann.call("PUT", f"/messages/{message['id']}/star")
    button = here.choose_in_list("Starred messages")
    hit = here.page.get_by_role("dialog").locator(".hit", has_text="among the stars")
    here.keys.tab_to(hit)
    here.keys.escape()
    expect(button).to_be_focused()


@act("see who has read your message")
def read_by(here: Place) -> None:
    here.group("Readers")
    here.keys.choose("from Ann", "Read by")
    expect(here.page.get_by_role("dialog", name="Read by")).to_be_visible()
    here.keys.escape()


@act("see the earlier texts of a message")
def earlier_texts(here: Place) -> None:
    message = here.ann.say(here.direct, "first text")
    here.ann.call("PATCH", f"/messages/{message['id']}", json={"message": "second text"})
    here.said("second text")
    here.keys.choose("second text", "Edit history")
    expect(here.page.get_by_role("dialog").get_by_text("first text")).to_be_visible()
    here.keys.escape()


@act("report a message")
def report(here: Place) -> None:
    here.keys.choose("hello from Ben", "Report")
    choice = here.page.get_by_role("dialog").locator(".choices button").first
    here.keys.enter(choice)
    expect(here.page.get_by_text("Thank you.")).to_be_visible()
    here.keys.shows()
