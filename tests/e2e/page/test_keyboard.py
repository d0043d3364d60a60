"""Every daily act works with only the keyboard: the focus is never lost or trapped, it shows, and Escape returns it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.page.files import send_pictures
from tests.e2e.page.keyboard import conversations, messages, people_acts, writing
from tests.e2e.page.keyboard.keys import Keys
from tests.e2e.page.keyboard.place import ACTS, Place
from tests.e2e.page.people import People
from tests.e2e.page.window import Window
from tests.support.processes import Stack

DECISIONS = Path(__file__).parents[3] / "docs" / "decisions" / "page.md"
LAST = "sign out"  # the others need somebody who is signed in
MODULES = (conversations, messages, writing, people_acts)  # each adds its acts


@pytest.fixture(scope="module")
def place(browser: Browser, server: Stack, people: People) -> Iterator[Place]:
    ann, ben, direct = people.pair()
    send_pictures(ann, direct, "a picture", "a picture")
    ben.say(direct, "hello from Ben")
    window = Window(
        browser, server.base_url, permissions=["clipboard-read", "clipboard-write"], reduced_motion="reduce"
    )
    window.sign_in_demo(ann.username).open("Ben Baker")
    yield Place(Keys(window.page), people, ann, ben, direct, server.base_url)
    problems = window.problems
    window.close()
    assert problems == []


def test_all_acts_of_the_comparison_are_here() -> None:
    table = DECISIONS.read_text().partition("## Sixty daily acts")[2]
    rows = re.findall(r"^\| ([^|]+) \| [\d–]+ \|", table, re.MULTILINE)
    assert len(rows) == 60
    assert sorted(rows) == sorted(ACTS)
    assert [name for name, act in ACTS.items() if act.__module__ not in {module.__name__ for module in MODULES}] == []


@pytest.mark.parametrize("name", sorted(ACTS, key=lambda name: name == LAST))
def test_act_works_with_only_the_keyboard(place: Place, name: str) -> None:
    place.page.goto("about:blank")  # nothing is left of the previous act
    place.open(place.direct)
    place.said("hello from Ben")
    ACTS[name](place)
