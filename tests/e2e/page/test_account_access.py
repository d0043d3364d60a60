"""The password and the list of sign-ins, in the settings."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.e2e.page.window import Window

NEW = "a quite different secret"


def settings(window: Window, name: str) -> Locator:
    window.page.get_by_label("Settings and profile").click()
    return window.page.get_by_role("region", name=name, exact=True)


def expect_signed_out(window: Window) -> None:
    expect(window.page.get_by_role("alert")).to_have_text("You have been signed out.")


def test_changed_password_ends_the_other_sign_ins(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here, there = window().sign_in(ann.username, PASSWORD), window().sign_in(ann.username, PASSWORD)
    section = settings(here, "Password")
    for current, new, answer in (
        (PASSWORD, "short", "Use at least 8 characters"),
        (PASSWORD, "password", "one of the commonest passwords"),
        ("a guess of mine", NEW, "That password is wrong."),
    ):
        section.get_by_label("Current password").fill(current)
        section.get_by_label("New password").fill(new)
        section.get_by_role("button", name="Change password").click()
        expect(section).to_contain_text(answer)
    assert violations(here.page) == []
    section.get_by_label("Current password").fill(PASSWORD)
    section.get_by_role("button", name="Change password").click()
    expect(here.page.get_by_text("Your password was changed")).to_be_visible()
    expect_signed_out(there)
    expect(here.page.get_by_role("list", name="Your sign-ins").get_by_role("listitem")).to_have_count(1)
    there.sign_in(ann.username, NEW)


def test_sign_ins_are_listed_and_ended(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")  # registering is a sign-in, too
    here = window().sign_in(ann.username, PASSWORD)
    there = window(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    there.sign_in(ann.username, PASSWORD)
    other = window().sign_in(ann.username, PASSWORD)
    section = settings(here, "Sign-ins")
    rows = section.get_by_role("listitem")
    expect(rows).to_have_count(4)
    own = rows.filter(has_text="this sign-in")
    expect(own).to_have_count(1)
    expect(own.get_by_role("button")).to_have_count(0)
    assert violations(here.page) == []
    rows.filter(has_text="Firefox").get_by_role("button").click()
    expect(rows).to_have_count(3)
    expect_signed_out(there)
    section.get_by_role("button", name="End all others").click()
    expect(rows).to_have_count(1)
    expect_signed_out(other)
    expect(section.get_by_role("button", name="End all others")).to_be_hidden()
    here.wait_online()
