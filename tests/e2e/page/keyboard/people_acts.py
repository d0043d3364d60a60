"""Groups, other people and your own profile."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect

from tests.e2e.page.keyboard.place import Place, act
from tests.e2e.page.people import Somebody

# -- groups and people --------------------


def choose_person(here: Place, dialog: Locator, somebody: Somebody) -> None:
    field = dialog.get_by_label("Find people by name")
    expect(field).to_be_focused()
    here.keys.type(somebody.username)
    here.keys.enter(dialog.locator(".person", has_text=somebody.name).first)


@act("create a group with one other person")
def create_group(here: Place) -> None:
    here.choose_in_list("New group")
    dialog = here.page.get_by_role("dialog", name="New group")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Group name")).to_be_focused()
    here.keys.type("Made by keys")
    here.keys.tab_to(dialog.get_by_label("Find people by name"))
    here.keys.type(here.ben.username)
    here.keys.enter(dialog.locator(".person", has_text="Ben Baker").first)
    here.keys.enter(dialog.get_by_role("button", name="Create group"))
    here.title("Made by keys")
    expect(here.field).to_be_focused()


@act("add somebody to a group")
def add_member(here: Place) -> None:
    cyd = here.people.new("Cyd Cole")
    here.group("Growing")
    here.keys.details("Add members")
    dialog = here.page.get_by_role("dialog", name="Add members")
    choose_person(here, dialog, cyd)
    here.keys.confirm("Add")
    expect(here.page.locator(".panel .member", has_text="Cyd Cole")).to_be_visible()
    here.keys.shows()


@act("make somebody an admin")
def make_admin(here: Place) -> None:
    here.group("Led by two")
    here.keys.press("Control+i")
    member = here.page.locator(".panel .member", has_text="Ben Baker")
    here.keys.enter(member.get_by_label("Manage"))
    here.keys.entry("Make admin")
    expect(member.locator(".role")).to_have_text("admin")
    here.keys.shows()


@act("make and copy an invite link")
def invite(here: Place) -> None:
    here.group("Open house")
    here.keys.details("Invite links")
    dialog = here.page.get_by_role("dialog", name="Invite links")
    here.keys.enter(dialog.get_by_role("button", name="New link"))
    copy = dialog.get_by_role("button", name="Copy").first
    expect(copy).to_be_visible()
    here.keys.shows()
    here.keys.enter(copy)
    expect(here.page.get_by_text("copied")).to_be_visible()
    here.keys.escape()


@act("block somebody")
def block(here: Place) -> None:
    rude = here.people.new("Rude Rob")
    here.open(here.ann.direct(rude))
    here.press_in_details("Block", "Unblock", "Block")


# -- yourself --------------------


@act("change your name")
def change_name(here: Place) -> None:
    dialog = here.settings()
    name = dialog.get_by_label("Name", exact=True)
    here.keys.tab_to(name)
    here.keys.press("Control+a")
    here.keys.type("Ann Keyes")
    here.keys.enter(dialog.get_by_role("region", name="Profile").get_by_role("button", name="Save"))
    expect(here.page.get_by_text("Saved", exact=True)).to_be_visible()
    here.keys.shows()
    here.keys.escape()
    expect(here.field).to_be_focused()


@act("change your picture")
def change_picture(here: Place) -> None:
    dialog = here.settings()
    here.keys.tab_to(
        dialog.get_by_role("button", name="Add a picture")
        .or_(dialog.get_by_role("button", name="Change picture"))
        .first
    )
    with here.page.expect_file_chooser():
        here.keys.press("Enter")
    here.keys.escape()


@act("set a status")
def status(here: Place) -> None:
    dialog = here.settings()
    here.keys.tab_to(dialog.get_by_label("Status", exact=True).locator("xpath=self::input"))
    here.keys.type("typing only")
    here.keys.enter(dialog.get_by_role("button", name="Set status"))
    expect(here.page.get_by_text("Status set")).to_be_visible()
    here.keys.shows()
    here.keys.escape()


def change_choice(here: Place, name: str) -> dict[str, Any]:
    """Takes the next choice of a drop-down."""
    choice = here.settings().get_by_label(name, exact=True)
    here.keys.tab_to(choice)
    here.keys.press("ArrowDown")
    value = {"value": choice.input_value()}
    here.keys.shows()
    return value


@act("do not disturb for an hour")
def quiet(here: Place) -> None:
    change_choice(here, "Do not disturb")
    expect(here.page.get_by_text("Do not disturb until")).to_be_visible()
    here.keys.escape()


@act("use the dark theme")
def dark(here: Place) -> None:
    change_choice(here, "Theme")
    here.keys.press("ArrowDown")
    expect(here.page.get_by_label("Theme")).to_have_value("dark")
    expect(here.page.locator("html")).to_have_attribute("data-theme", "dark")
    here.keys.escape()


@act("sign out")
def sign_out(here: Place) -> None:
    dialog = here.settings()
    here.keys.enter(dialog.get_by_role("button", name="Sign out"))
    expect(here.page.get_by_label("Username")).to_be_focused()
