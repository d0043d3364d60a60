"""Messages of blocked people in groups are folded, if the user wants that."""

from __future__ import annotations

from playwright.sync_api import expect

from dev.processes import wait_until
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People

FOLDED = "Message of somebody you blocked"


def test_messages_of_blocked_people_are_folded_until_they_are_opened(window: OpenWindow, people: People) -> None:
    ann, ben, cyd = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Cyd Cole")
    group = ben.group("Walks", ann, cyd)
    said = ben.say(group, "something rude")
    ann.call("PUT", f"/blocks/{ben.id}")
    here = window().sign_in_demo(ann.username).open("Walks")
    here.sees("something rude")
    here.page.get_by_label("Settings and profile").click()
    here.page.get_by_label("Hide what people I blocked write in groups").check()
    here.page.keyboard.press("Escape")
    expect(here.message("something rude")).to_have_count(0)
    expect(here.row("Walks")).to_contain_text(FOLDED)
    wait_until(lambda: ann.call("GET", "/me")["hideBlockedMessages"] is True, 10, "the setting")
    cyd.say(group, "I disagree", replyTo=said["id"])
    expect(here.sees("I disagree").locator(".quote")).to_have_text(FOLDED)
    here.page.reload()
    here.wait_online()
    folded = here.page.locator(".notice.folded")
    expect(folded).to_have_text(f"{FOLDED} Show")
    folded.get_by_role("button", name="Show").click()
    here.sees("something rude")
    assert here.problems == []
