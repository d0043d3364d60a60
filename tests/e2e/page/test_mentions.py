"""Mentions in the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People


def test_edit_that_names_the_user_counts_and_is_announced(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    team = ann.group("Team", ben)
    here = window().sign_in_demo(ben.username)
    said = ann.say(team, "Lunch?")
    row = here.row("Team")
    expect(row.locator(".badge", has_text="2")).to_be_visible()
    expect(row.locator(".badge.named")).to_have_count(0)
    ann.call("PATCH", f"/messages/{said['id']}", json={"message": f"Lunch, @{ben.username}?"})
    expect(row.locator(".badge.named")).to_be_visible()
    expect(here.page.get_by_text(f"Ann Archer: Lunch, @{ben.username}?").first).to_be_attached()
    ann.call("PATCH", f"/messages/{said['id']}", json={"message": "Lunch?"})
    expect(row.locator(".badge.named")).to_have_count(0)
    ann.call("PATCH", f"/messages/{said['id']}", json={"message": "Lunch, @all?"})
    expect(row.locator(".badge.named")).to_be_visible()
    here.open("Team")
    expect(here.page.locator(".mention.me")).to_have_text("@all")
    expect(row.locator(".badge.named")).to_have_count(0)
