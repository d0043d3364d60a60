"""Long names are cut at their end, and what only colours showed is also shown with forced colours."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.e2e.page.window import Window

LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschafers"
# The element's text within its box, and the box within the window.
SHOWS_BEGINNING = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const [text, box] = [range.getBoundingClientRect(), element.getBoundingClientRect()];
    return text.left >= box.left - 1 && box.left >= 0 && box.right <= innerWidth + 1;
}"""


def group_of_long_names(window: OpenWindow, people: People, **options: str) -> Window:
    ann, ben = people.new("Ann Archer"), people.new(f"Ben {LONG}")
    ben.say(ben.group(LONG, ann), "hello")
    here = window(**options).sign_in_demo(ann.username)
    here.page.set_viewport_size({"width": 320, "height": 640})
    here.page.locator(".conversation-row").first.click()
    expect(here.page.locator(".message")).to_have_count(1)
    return here


@pytest.mark.parametrize("locale", ["en-US", "ar"])
def test_long_names_are_cut_at_their_end(window: OpenWindow, people: People, locale: str) -> None:
    here = group_of_long_names(window, people, locale=locale)
    title = here.page.locator(".conversation-head h1 span").first
    expect(title).to_have_text(LONG)
    expect(title).to_have_css("text-overflow", "ellipsis")
    assert title.evaluate("element => element.scrollWidth > element.clientWidth")
    notice = here.page.locator(".notice span").first
    expect(notice).to_contain_text(LONG)
    assert title.evaluate(SHOWS_BEGINNING)
    assert notice.evaluate(SHOWS_BEGINNING)


def test_forced_colours_leave_borders_and_marks(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    said = ben.say(conversation, "hello")
    ann.call("PUT", f"/messages/{said['id']}/reactions", params={"emoji": "👍"})
    here = window(forced_colors="active").sign_in_demo(ann.username).open("Ben Baker")
    expect(here.page.locator(".reaction.mine")).to_be_visible()
    expect(here.page.locator(".conversation-row.open")).to_have_css("border-left-width", "4px")
    expect(here.page.locator(".bubble").first).to_have_css("border-top-width", "1px")
    expect(here.page.locator(".reaction.mine")).to_have_css("border-top-width", "2px")
    here.page.get_by_label("Settings and profile").click()
    switch = here.page.locator("input[role=switch]").first
    expect(switch).to_have_css("border-top-width", "1px")
    track, thumb = switch.evaluate(
        "one => [getComputedStyle(one).backgroundColor, getComputedStyle(one, '::after').backgroundColor]"
    )
    assert track != thumb
