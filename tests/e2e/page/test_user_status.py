"""The status of people, and "do not disturb"."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from dev.processes import wait_until
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People


def test_status_is_set_shown_to_others_and_cleared(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    here, there = window().sign_in_demo(ann.username), window().sign_in_demo(ben.username).open("Ann Archer")
    here.page.get_by_role("button", name="Settings and profile").click()
    dialog = here.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Emoji").fill("no emoji")
    dialog.get_by_role("button", name="Set status").click()
    expect(dialog.get_by_text("Please choose one emoji, or write a text.")).to_be_visible()
    dialog.get_by_role("textbox", name="Emoji").fill("\U0001f334")
    dialog.get_by_role("textbox", name="Status").fill("on holiday")
    dialog.get_by_role("button", name="Set status").click()
    expect(here.page.get_by_text("Status set")).to_be_visible()
    dialog.get_by_label("Do not disturb", exact=True).select_option("For 1 hour")
    expect(dialog.get_by_text("Do not disturb until")).to_be_visible()
    for place in (there.row("Ann Archer"), there.page.locator(".conversation-head")):
        expect(place.get_by_label("Status: \U0001f334 on holiday")).to_be_visible()
        expect(place.get_by_label("Do not disturb")).to_be_visible()
    there.page.get_by_label("Details", exact=True).click()
    expect(there.page.locator(".panel .status")).to_have_text("\U0001f334 on holiday Do not disturb")
    dialog.get_by_role("button", name="Clear status").click()
    dialog.get_by_label("Do not disturb", exact=True).select_option("Off")
    expect(there.row("Ann Archer").locator(".status-sign")).to_have_count(0)
    expect(there.page.locator(".panel .status")).to_have_count(0)


def test_status_disappears_when_it_ends(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "hello")
    there = window().sign_in_demo(ben.username)
    until = there.page.evaluate("new Date(Date.now() + 4000).toISOString()")
    ann.call("PATCH", "/me", json={"status": {"text": "soon over", "until": until}})
    sign = there.row("Ann Archer").get_by_label("Status: soon over")
    expect(sign).to_be_visible()
    expect(sign).to_have_count(0)


def test_settings_can_be_changed_once_they_have_loaded(window: OpenWindow, people: People) -> None:
    """An answer that comes after a change would undo it on the screen."""
    ann = people.new("Ann Archer")
    here = window().sign_in_demo(ann.username)
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)

    here.page.route("**/api/v1/me", hold)
    here.page.get_by_role("button", name="Settings and profile").click()
    dialog = here.page.get_by_role("dialog")
    hide = dialog.get_by_label("Hide what people I blocked write in groups")
    fields = [hide, dialog.get_by_label("Who can write to me"), dialog.get_by_role("textbox", name="Status")]
    for field in fields:
        expect(field).to_be_disabled()
    for route in asked:
        route.continue_()
    here.page.unroute("**/api/v1/me")
    for field in fields:
        expect(field).to_be_enabled()
    hide.check()
    expect(hide).to_be_checked()
    wait_until(lambda: ann.call("GET", "/me")["hideBlockedMessages"] is True, 10, "the setting")
