"""The emoji picker, and completion in the message field: names of members and of emoji."""

from __future__ import annotations

import pytest
from emoji import emoji_list
from playwright.sync_api import Locator, expect

from dev import emoji as lists
from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.e2e.page.window import Window


@pytest.fixture
def here(window: OpenWindow, people: People) -> Window:
    ann, _, _ = people.pair()
    return window().sign_in_demo(ann.username).open("Ben Baker")


def field(here: Window) -> Locator:
    return here.page.locator(".composer textarea")


def options(here: Window) -> Locator:
    return here.page.locator(".completion").get_by_role("option")


def test_list_of_emoji_is_that_of_unicode() -> None:
    assert lists.PAGE.read_text() == lists.page_module(), "python -m dev.emoji"
    assert lists.LICENSE.read_text() == lists.licenses(), "python -m dev.emoji"


@pytest.mark.parametrize("language", lists.OTHERS)
def test_names_of_emoji_are_those_of_unicode(language: str) -> None:
    written = (lists.NAMES / f"emoji-{language}.js").read_text()
    assert written == lists.names_module(language), "python -m dev.emoji"


def test_page_and_server_take_the_same_emoji_in_all_skin_tones(here: Window) -> None:
    code = """async () => {
        const { GROUPS, toned } = await import("/static/page/emoji/find.js");
        const tones = ["", "\\u{1f3fb}", "\\u{1f3fc}", "\\u{1f3fd}", "\\u{1f3fe}", "\\u{1f3ff}"];
        return GROUPS.flatMap(({ emoji }) => emoji.flatMap((one) => tones.map((tone) => toned(one, tone))));
    }"""
    offered = set(here.page.evaluate(code))
    assert offered <= set(lists.sequences().values())
    assert {
        "👍",
        "👍🏽",
        "❤️",
        "🧑🏻\u200d🤝\u200d🧑🏻",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    } <= offered


def test_emoji_is_chosen_by_search_and_keyboard(here: Window) -> None:
    here.page.get_by_role("button", name="Emoji").click()
    picker = here.page.get_by_role("dialog", name="Emoji")
    search = picker.get_by_role("searchbox")
    expect(search).to_be_focused()
    expect(picker.locator("h3").first).to_have_text("Smileys and emotion")
    assert violations(here.page) == []
    search.fill("party pop")
    expect(picker.get_by_role("button", name="party popper")).to_be_visible()
    search.press("Enter")
    expect(field(here)).to_have_value("🎉")
    here.page.get_by_role("button", name="Emoji").click()
    expect(picker.locator("h3").first).to_have_text("Recently used")
    search.press("ArrowDown")
    expect(picker.get_by_role("button", name="🎉")).to_be_focused()
    here.page.keyboard.press("ArrowDown")
    expect(picker.get_by_role("button", name="grinning face", exact=True)).to_be_focused()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("Enter")
    expect(field(here)).to_have_value("🎉😃")
    here.page.get_by_role("button", name="Emoji").click()
    search.fill("no such thing at all")
    expect(picker.get_by_text("No emoji has that name.")).to_be_visible()


def test_skin_tone_is_kept_for_reactions(here: Window, people: People) -> None:
    here.send("a message")
    here.sees("a message").hover()
    here.page.get_by_label("React", exact=True).last.click()
    here.page.get_by_role("menuitem", name="More reactions").click()
    picker = here.page.get_by_role("dialog")
    picker.get_by_role("button", name="Medium skin tone").click()
    expect(picker.get_by_role("button", name="Medium skin tone")).to_have_attribute("aria-pressed", "true")
    picker.get_by_role("searchbox").fill("waving hand")
    picker.get_by_role("button", name="waving hand").click()
    expect(here.page.locator(".reaction")).to_have_text("👋🏽")
    here.page.reload()
    here.open("Ben Baker")
    expect(here.page.locator(".reaction")).to_have_text("👋🏽")


def test_names_are_completed_by_keyboard(window: OpenWindow, people: People) -> None:
    ann, ben, zoe = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Zoe Alvarez")
    zoe.call("PATCH", "/me", json={"displayName": "Zoë Álvarez"})
    team = ann.group("Team", ben, zoe)
    ben.say(team, "hello")
    here = window().sign_in_demo(ann.username).open("Team")
    here.sees("hello")
    text = field(here)
    text.press_sequentially("hi @")
    expect(options(here)).to_have_count(4)
    expect(options(here).first).to_contain_text("Ben Baker")
    expect(options(here).nth(2)).to_contain_text("@all")
    assert violations(here.page) == []
    chosen = options(here).first.get_attribute("id")
    expect(text).to_have_attribute("aria-activedescendant", str(chosen))
    text.press("ArrowDown")
    expect(options(here).nth(1)).to_have_attribute("aria-selected", "true")
    text.press("Escape")
    expect(options(here)).to_have_count(0)
    text.press_sequentially("alv")
    expect(options(here)).to_have_count(1)
    text.press("Enter")
    expect(text).to_have_value(f"hi @{zoe.username} ")
    text.press_sequentially("你好@zo")
    expect(options(here)).to_have_count(1)
    text.press("Tab")
    expect(text).to_have_value(f"hi @{zoe.username} 你好@{zoe.username} ")
    text.press("Enter")
    expect(here.page.locator(".message .mention")).to_have_count(2)


def test_complete_name_does_not_hold_up_enter(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    ann.group("Team", ben)
    here = window().sign_in_demo(ann.username).open("Team")
    text = field(here)
    text.press_sequentially(f"@{ben.username[:-1]}")
    expect(options(here)).to_have_count(1)
    text.press_sequentially(ben.username[-1])
    expect(options(here)).to_have_count(0)
    text.press("Enter")
    expect(here.page.locator(".message .mention")).to_have_text(f"@{ben.username}")


def test_emoji_are_completed_by_their_names(here: Window) -> None:
    text = field(here)
    text.press_sequentially("so :tada")
    expect(options(here).first).to_contain_text("party popper")
    text.press("Enter")
    expect(text).to_have_value("so 🎉 ")
    text.press_sequentially(":heart:")
    expect(text).to_have_value("so 🎉 ❤️")
    text.press_sequentially(" at 10:30 :D")
    expect(options(here)).to_have_count(0)
    text.press("Enter")
    here.sees("so 🎉 ❤️ at 10:30 :D")


FIND = """async (given) => {
    await (await import("/static/page/lib/language.js")).useLanguage();
    const { findEmoji, loadNames } = await import("/static/page/emoji/find.js");
    await loadNames();
    return given.map((query) => findEmoji(query, 16).map(({ emoji }) => emoji));
}"""


@pytest.mark.parametrize(
    ("locale", "queries", "wanted"),
    [
        ("de-DE", ["herz", "Rotes_Herz", "Böller", "boller", "tada", "party pop"], "❤️❤️🎉🎉🎉🎉"),
        ("fr-FR", ["cœur rouge", "fete", "anniversaire", "heart"], "❤️🎉🎂❤️"),
        ("es-MX", ["corazón rojo", "corazon", "confeti"], "❤️❤️🎉"),
        ("ar-EG", ["قلب أحمر", "احتفال"], "❤️🎉"),
        ("ja-JP", ["ハート", "クラッカー", "くらっかー", "誕生日", "猫"], "❤️🎉🎉🎂🐱"),
        ("en-US", ["+1", "heart", "upside-down", "Geburtstag"], "👍❤️🙃"),
    ],
)
def test_emoji_are_found_by_names_in_the_language_of_the_page(
    window: OpenWindow, locale: str, queries: list[str], wanted: str
) -> None:
    here = window(locale=locale)
    here.page.goto(here.base_url)
    found = here.page.evaluate(FIND, queries)
    expected = [emoji["emoji"] for emoji in emoji_list(wanted)]
    for query, emoji, results in zip(queries, expected, found, strict=False):
        assert emoji in results, (query, results)
    assert len(queries) == len(expected) or found[-1] == [], "an unknown word finds nothing"


def test_emoji_are_written_by_their_names_in_the_language_of_the_page(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    here = window(locale="de-DE").sign_in_demo(ann.username).open("Ben Baker")
    loaded: list[str] = []
    here.page.on("request", lambda request: loaded.append(request.url))
    text = field(here)
    text.press_sequentially(":rotes_herz:")
    expect(text).to_have_value("❤️")
    text.press_sequentially(" :konfettibo")
    expect(options(here).first).to_contain_text("Konfettibombe")
    text.press("Enter")
    expect(text).to_have_value("❤️ 🎉 ")
    here.page.get_by_role("button", name="Emoji").click()
    picker = here.page.get_by_role("dialog")
    picker.get_by_role("searchbox").fill("geburtstag")
    expect(picker.get_by_role("button", name="Geburtstagskuchen", exact=True)).to_be_visible()
    assert len([url for url in loaded if "/assets/emoji-de." in url]) == 1


def test_emoji_keep_their_english_names_if_others_cannot_be_loaded(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    here = window(locale="fr-FR").sign_in_demo(ann.username).open("Ben Baker")
    here.page.route("**/assets/emoji-fr.*", lambda route: route.abort())
    text = field(here)
    text.press_sequentially(":tada:")
    expect(text).to_have_value("🎉")
