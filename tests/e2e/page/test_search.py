"""Search in the page: results while one types, filters by keyboard, and names without accents."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People


@pytest.fixture
def page(window: OpenWindow, people: People) -> Page:
    """A conversation with a few messages of two people, and the search in it."""
    ann, ben, conversation = people.pair()
    ann.say(conversation, "see https://example.org/plan about 上海东边")
    ben.say(conversation, "the Café plan --force")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.page.get_by_label("Search in this conversation").first.click()
    return here.page


def hits(page: Page) -> list[str]:
    return page.locator(".panel .hit .snippet").all_inner_texts()


def test_parts_signs_and_words_without_accents_are_found(page: Page) -> None:
    field = page.locator(".panel").get_by_role("searchbox")
    for query, marked in (("cafe", "Café"), ("--force", "--force"), ("上海", "上海"), ("example.org", "example.org")):
        field.fill(query)
        expect(page.locator(".panel .hit mark")).to_have_text([marked])


def test_filters_are_set_by_keyboard_and_work_without_words(page: Page) -> None:
    panel = page.locator(".panel")
    panel.get_by_role("searchbox").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel.get_by_label("Contains")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("L")  # Links
    expect(panel.get_by_label("Contains")).to_have_value("link")
    expect(panel.locator(".hit")).to_have_count(1)
    assert "example.org" in hits(page)[0]
    panel.get_by_label("Contains").select_option("")
    panel.get_by_label("From").select_option(label="Ben Baker")
    expect(panel.locator(".hit")).to_have_count(1)
    expect(panel.locator(".hit .snippet")).to_contain_text("the Café plan")
    panel.get_by_role("searchbox").fill("plan")
    panel.get_by_label("From").select_option(label="Anyone")
    expect(panel.locator(".hit")).to_have_count(2)
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    panel.get_by_label("Until").fill(yesterday)
    expect(panel.get_by_text("Nothing matches “plan”.")).to_be_visible()
    panel.get_by_label("Until").fill("")
    panel.get_by_label("Since").fill(yesterday)
    expect(panel.locator(".hit")).to_have_count(2)
    expect(panel.locator("summary .badge")).to_have_text("1")


def test_older_results_are_shown_on_demand(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    for n in range(25):
        ben.say(conversation, f"needle {n}")
    page = window().sign_in_demo(ann.username).page
    page.get_by_label(re.compile("^Search conversations")).fill("needle")
    expect(page.locator(".hit")).to_have_count(20)
    more = page.get_by_role("button", name="Show older")
    while more.count():  # a busy server may need several pages
        shown = page.locator(".hit").count()
        more.click()
        ended = page.locator(".results:not(:has(section > .button))")
        expect(page.locator(".hit").nth(shown).or_(ended).first).to_be_visible()
    expect(page.locator(".hit")).to_have_count(25)


def test_people_and_conversations_are_found_without_accents_and_by_surname(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    other = people.new("Unal")
    other.call("PATCH", "/me", json={"displayName": "Ünal Müller-Çelik"})
    page = window().sign_in_demo(ann.username).page
    search = page.get_by_label(re.compile("^Search conversations"))
    search.fill("muller")
    expect(page.locator(f'.person[data-user="{other.username}"]')).to_be_visible()
    page.locator(f'.person[data-user="{other.username}"]').click()
    expect(page.locator(".conversation-head h1")).to_contain_text("Ünal")
    search.fill("celik")
    expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
