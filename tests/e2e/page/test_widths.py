"""Nothing makes the page wider than its window, from small phones to wide screens, with any text in any field."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People, Somebody
from tests.e2e.page.states import build, check_all, signed_in
from tests.e2e.page.texts import NASTY, cut, mixed
from tests.e2e.page.window import Window

WIDTHS = (320, 360, 460, 736, 737, 960, 961, 1366, 1920)
STATE_WIDTHS = (320, 700, 1920)
MIN_STATES = 38
LONG_NAME, LONG_TEXT = 64, 700

# The boxes that scroll sideways, and visible texts and buttons that stick out of the window.
TOO_WIDE = """async () => {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const text = (one) => one.textContent.slice(0, 20);
    const name = (one) => `${one.tagName}.${one.className} ${one.scrollWidth}>${one.clientWidth} ${text(one)}`;
    const all = [document.documentElement, ...document.querySelectorAll("body, body *")];
    const scrolls = all.filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth + 1
        && (one === document.documentElement || ["auto", "scroll"].includes(getComputedStyle(one).overflowX)));
    const inside = (one) => {
        const { left, right, width } = one.getBoundingClientRect();
        return !width || (left >= -1 && right <= innerWidth + 1);
    };
    const parts = "button, a, input, textarea, select, h1, h2, h3, .bubble, .toast, .notice";
    const out = [...document.querySelectorAll(parts)]
        .filter((one) => one.checkVisibility({ opacityProperty: true }) && !one.matches(".unseen") && !inside(one));
    return [...scrolls, ...out].map(name);
}"""


def too_wide(page: Page) -> Any:
    """Returns what stays too wide. On a busy machine, a panel may still be on its way to its place for some frames."""
    for _ in range(30):
        problems = page.evaluate(TOO_WIDE)
        if not problems:
            break
    return problems


def wide(page: Page, widths: tuple[int, ...] = WIDTHS) -> dict[int, Any]:
    """Returns the elements that are too wide, by the width of the window. Restores the window's width."""
    before = page.viewport_size
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_function("width => innerWidth === width", arg=width)
        found[width] = too_wide(page)
    if before:
        page.set_viewport_size(before)
    return {width: problems for width, problems in found.items() if problems}


@pytest.fixture
def crowded(window: OpenWindow, people: People) -> tuple[Window, Somebody]:
    """A group in which every name and text is a nasty one, and the window of a member."""
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    for somebody, seed in ((ann, 1), (ben, 2)):
        somebody.call("PATCH", "/me", json={"displayName": mixed(seed, LONG_NAME)})
    group = ann.group(mixed(3, LONG_NAME), ben)
    ann.call("PATCH", f"/conversations/{group}", json={"description": mixed(4, 300)})
    said = [(ann, ben)[at % 2].say(group, cut(text, LONG_TEXT)) for at, text in enumerate(NASTY)]
    for at in range(8):
        quoted = said[at * 2]["id"]
        (ann, ben)[at % 2].say(group, mixed(10 + at, LONG_TEXT), replyTo=quoted)
    file = ann.upload(group, mixed(5, 80).replace("/", "_") + ".txt", b"some text")
    ann.say(group, "", attachments=[file])
    ann.call("PUT", f"/messages/{said[0]['id']}/pin")
    for at in range(3):
        ben.say(ben.direct(ann), mixed(30 + at, LONG_TEXT))
    here = window().sign_in_demo(ann.username)
    here.page.goto(f"{here.base_url}/#/c/{group}")
    expect(here.page.locator(".file")).to_be_visible()
    return here, ben


def test_no_text_makes_the_page_scroll_sideways(crowded: tuple[Window, Somebody]) -> None:
    here, _ = crowded
    page = here.page
    found: dict[str, Any] = {}
    field = page.locator(".composer textarea")
    page.set_viewport_size({"width": 320, "height": 700})
    for at, text in enumerate(NASTY):
        field.fill(text)
        if problems := too_wide(page):
            found[f"field {at}"] = problems
    page.set_viewport_size({"width": 1100, "height": 700})
    found["written"] = wide(page)
    field.fill("")
    field.press("ArrowUp")
    found["edited"] = wide(page)
    page.keyboard.press("Escape")
    page.get_by_label("Details", exact=True).click()
    expect(page.get_by_label("Pinned messages")).to_be_visible()
    found["details"] = wide(page)
    assert {state: problems for state, problems in found.items() if problems} == {}


def test_no_text_makes_any_state_of_the_page_scroll_sideways(window: OpenWindow, people: People) -> None:
    here = window(reduced_motion="reduce")
    world = build(people, here, mixed)
    found = check_all(signed_in(world), lambda: wide(here.page, STATE_WIDTHS))
    assert found.pop("count") >= MIN_STATES
    assert found == {}
