"""The screenshots of the README. Every run takes them; PARLEY_SCREENSHOTS=1 writes them to docs/screenshots/."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People, Somebody
from tests.support.processes import ROOT

NAMES = ("Alice Moreau", "Bob Lindqvist", "Cyd Okafor", "Dana Ruiz", "Emil Nowak")


def test_screenshots_for_the_readme(window: OpenWindow, people: People, tmp_path: Path) -> None:
    alice, bob, cyd, dana, emil = (people.new(name) for name in NAMES)
    write(alice, bob, cyd, dana)
    hike(alice, bob, cyd, dana, emil)
    desk = window().sign_in_demo(alice.username).open("Bob Lindqvist")
    phone = window(is_mobile=True, has_touch=True, color_scheme="dark")
    phone.page.set_viewport_size({"width": 390, "height": 760})
    phone.sign_in_demo(bob.username).open("Alice Moreau")
    desk.send("Noon it is then, see you there")
    desk.wait_mark("Noon it is then, see you there", "read")
    group = window(color_scheme="dark").sign_in_demo(alice.username).open("Weekend hike")
    group.page.get_by_label("Details", exact=True).click()
    expect(group.page.get_by_text("Members (5)")).to_be_attached()
    places = ROOT / "docs" / "screenshots" if os.environ.get("PARLEY_SCREENSHOTS") else tmp_path
    places.mkdir(exist_ok=True)
    for screen, name in ((desk, "desktop"), (group, "group-dark"), (phone, "phone-dark")):
        expect(screen.page.locator(".message").last).to_be_in_viewport()
        screen.page.evaluate("document.activeElement?.blur()")
        screen.page.screenshot(path=str(places / f"{name}.png"))
        assert (places / f"{name}.png").stat().st_size > 10_000


def write(alice: Somebody, bob: Somebody, cyd: Somebody, dana: Somebody) -> None:
    alice.say(alice.direct(dana), "Happy birthday!! 🎂")
    cyd.say(cyd.direct(alice), "Could you have a look at the invoice when you find a minute?")
    direct = alice.direct(bob)
    alice.say(direct, "Hi Bob! Did you get the draft?")
    got = bob.say(direct, "Just now, thanks. Reading it on the train 🚆")
    bob.say(direct, "The second chapter is much better than before: https://example.org/draft?v=2 (page 14)")
    alice.say(direct, "Great, that was the one I worried about", replyTo=got["id"])
    for somebody, emoji in ((alice, "👍"), (bob, "❤️")):
        somebody.call("PUT", f"/messages/{got['id']}/reactions/{emoji}")
    alice.say(direct, "Shall we talk about the rest at noon? I have the room until two, and there is coffee.")
    bob.say(direct, "👍")


def hike(alice: Somebody, bob: Somebody, cyd: Somebody, dana: Somebody, emil: Somebody) -> None:
    group = alice.group("Weekend hike", bob, cyd, dana, emil)
    cyd.say(group, "Weather looks fine for Saturday")
    cyd.say(group, "We could take the early train at 7:40")
    dana.say(group, "I bring sandwiches 🥪")
    asked = bob.say(group, f"@{alice.username} can you bring the map?")
    alice.say(group, "Yes! The big one.", replyTo=asked["id"])
    emil.say(group, "I may be ten minutes late, please wait at the station")
