"""Pictures of users and groups: chosen in the page, shown to the others, and removed."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.files import picked, png
from tests.e2e.page.people import People
from tests.e2e.page.window import PROCESSED_MS, Window

HILL = picked("hill.png", "image/png", png(320, 200))


def is_shown(place: Locator) -> None:
    picture = place.locator(".avatar img").first
    expect(picture).to_be_visible(timeout=PROCESSED_MS)
    expect(picture).not_to_have_js_property("naturalWidth", 0)


def choose(place: Locator, button: str, file: object) -> None:
    with place.page.expect_file_chooser() as chooser:
        place.get_by_role("button", name=button).click()
    chooser.value.set_files(file)  # type: ignore[arg-type]


def profile(window: Window) -> Locator:
    window.page.get_by_label("Settings and profile").click()
    return window.page.get_by_role("region", name="Profile", exact=True)


def test_picture_of_a_user_is_shown_to_others_until_it_is_removed(window: OpenWindow, people: People) -> None:
    ann, ben, _ = people.pair()
    here = window().sign_in_demo(ann.username)
    mine = profile(here)
    choose(mine, "Add a picture", picked("notes.png", "image/png", b"no picture"))
    expect(here.page.get_by_text("This picture can't be used.")).to_be_visible(timeout=PROCESSED_MS)
    choose(mine, "Add a picture", HILL)
    expect(mine.get_by_role("button", name="Change picture")).to_be_visible(timeout=PROCESSED_MS)
    is_shown(mine)
    assert violations(here.page) == []
    there = window().sign_in_demo(ben.username)
    is_shown(there.row("Ann Archer"))
    mine.get_by_role("button", name="Remove picture").click()
    expect(mine.locator(".avatar img")).to_have_count(0)
    assert "avatarUrl" not in ann.call("GET", "/me")
    there.page.reload()
    expect(there.row("Ann Archer")).to_be_visible()
    expect(there.row("Ann Archer").locator(".avatar img")).to_have_count(0)


def test_picture_of_a_group_is_shown_to_its_members_at_once(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    ann.group("Team", ben)
    here, there = window().sign_in_demo(ann.username).open("Team"), window().sign_in_demo(ben.username)
    expect(there.row("Team")).to_be_visible()
    here.page.get_by_label("Details", exact=True).click()
    panel = here.page.get_by_role("complementary", name="Details")
    choose(panel, "Add a picture", HILL)
    expect(panel.get_by_role("button", name="Change picture")).to_be_visible(timeout=PROCESSED_MS)
    for place in (panel, here.row("Team"), there.row("Team")):
        is_shown(place)
    there.open("Team").page.get_by_label("Details", exact=True).click()
    expect(there.page.get_by_text("Members (2)")).to_be_visible()
    expect(there.page.get_by_role("button", name="Change picture")).to_have_count(0)  # Ben is no admin
    panel.get_by_role("button", name="Remove picture").click()
    for window_ in (here, there):
        expect(window_.row("Team").locator(".avatar img")).to_have_count(0)
