"""Two-step sign-in: turning it on and off in the settings, and signing in with a code."""

from __future__ import annotations

import time

import pyotp
from playwright.sync_api import Locator, expect

from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.e2e.page.window import Window


def settings(window: Window) -> Locator:
    window.page.get_by_label("Settings and profile").click()
    return window.page.get_by_role("region", name="Two-step sign-in")


def turn_on(window: Window, section: Locator) -> tuple[pyotp.TOTP, list[str]]:
    """Turns the second factor on. Returns the user's authenticator and recovery codes."""
    section.get_by_label("Your password").fill(PASSWORD)
    section.get_by_role("button", name="Set up").click()
    link = section.get_by_role("link", name="open it in an app on this device").get_attribute("href")
    totp = pyotp.parse_uri(link or "")
    assert isinstance(totp, pyotp.TOTP)
    assert section.get_by_label("Key", exact=True).inner_text().replace(" ", "") == totp.secret
    assert violations(window.page) == []
    expect(section.get_by_label("Code")).to_be_focused()
    section.get_by_label("Code").fill("12345x")
    section.get_by_role("button", name="Turn on").click()
    expect(section).to_contain_text("That code is wrong")
    section.get_by_label("Code").fill(totp.now())
    section.get_by_role("button", name="Turn on").click()
    codes = section.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    expect(codes).to_have_count(10)
    expect(section.get_by_text("Keep these recovery codes")).to_be_focused()
    return totp, codes.all_inner_texts()


def give_password(window: Window, username: str) -> Locator:
    """Returns the field of the code that the page asks for."""
    page = window.page
    page.goto(window.base_url)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Two-step sign-in")).to_be_visible()
    field = page.get_by_label("Code")
    expect(field).to_be_focused()
    return field


def test_it_is_turned_on_and_then_signing_in_takes_a_code(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window(permissions=["clipboard-read", "clipboard-write"]).sign_in(ann.username, PASSWORD)
    section = settings(here)
    section.get_by_label("Your password").fill("a guess of mine")
    section.get_by_role("button", name="Set up").click()
    expect(section).to_contain_text("That password is wrong.")
    totp, codes = turn_on(here, section)
    section.get_by_role("button", name="Copy codes").click()
    expect(here.page.get_by_text("Copied")).to_be_visible()
    assert here.page.evaluate("navigator.clipboard.readText()").split() == codes
    assert violations(here.page) == []
    section.get_by_role("button", name="Done").click()
    expect(section).to_contain_text("On. Signing in needs a code")
    there = window()
    field = give_password(there, ann.username)
    assert violations(there.page) == []
    field.press("Enter")
    expect(there.page.get_by_text("Please enter the code.")).to_be_visible()
    field.fill("not a code")
    field.press("Enter")
    expect(there.page.get_by_role("alert")).to_contain_text("That code is wrong")
    expect(field).to_be_focused()
    assert violations(there.page) == []
    field.fill(totp.at(time.time(), counter_offset=1))
    field.press("Enter")
    there.wait_online()


def test_it_is_turned_off_with_a_recovery_code(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window().sign_in(ann.username, PASSWORD)
    section = settings(here)
    _, codes = turn_on(here, section)
    section.get_by_role("button", name="Done").click()
    there = window()
    give_password(there, ann.username).fill(codes[0])
    there.page.get_by_role("button", name="Continue").click()
    there.wait_online()
    again = settings(there)
    again.get_by_label("Your password").fill(PASSWORD)
    again.get_by_label("Code").fill(codes[0])
    again.get_by_role("button", name="New recovery codes").click()
    expect(again).to_contain_text("The password or the code is wrong")
    assert violations(there.page) == []
    again.get_by_label("Code").fill(codes[1])
    again.get_by_role("button", name="New recovery codes").click()
    fresh = again.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    expect(fresh).to_have_count(10)
    last = fresh.first.inner_text()
    again.get_by_role("button", name="Done").click()
    again.get_by_label("Your password").fill(PASSWORD)
    again.get_by_label("Code").fill(last)
    again.get_by_role("button", name="Turn off").click()
    expect(again.get_by_role("button", name="Set up")).to_be_visible()
    window().sign_in(ann.username, PASSWORD)


def test_expired_challenge_returns_to_the_password(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window().sign_in(ann.username, PASSWORD)
    section = settings(here)
    _, codes = turn_on(here, section)
    there = window()
    field = give_password(there, ann.username)
    ann.call("POST", "/auth/password", json={"current": PASSWORD, "new": "a quite different secret"})
    field.fill(codes[0])
    field.press("Enter")
    expect(there.page.get_by_role("alert")).to_have_text("This sign-in has expired. Please start again.")
    expect(there.page.get_by_label("Username")).to_be_focused()
