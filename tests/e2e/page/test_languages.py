"""The page in other languages, from the sign-in to a message, and from right to left."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.e2e.page.window import Window

SIGN_IN = {
    "de-AT": ("Benutzername", "Passwort", "Anmelden", "Nachricht", "Senden", "Noch keine Nachrichten"),
    "ja-JP": ("ユーザー名", "パスワード", "ログイン", "メッセージ", "送信", "メッセージはまだありません"),
}

REGISTER = """async (account) => {
    const { Parley } = await import("/client/parley.js");
    return new Parley({ language: "fr" }).register(account).catch((error) => [error.code, error.message]);
}"""


def direction(page: Page) -> tuple[str, str]:
    found: list[str] = page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
    return found[0], found[1]


def middle(element: Locator) -> float:
    element.wait_for()
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2


def sign_in(here: Window, username: str, words: tuple[str, ...]) -> None:
    here.page.goto(here.base_url)
    here.page.get_by_label(words[0]).fill(username)
    here.page.get_by_label(words[1]).fill(PASSWORD)
    here.page.get_by_role("button", name=words[2], exact=True).click()
    here.wait_online()


@pytest.mark.parametrize("locale", SIGN_IN)
def test_page_follows_the_language_of_the_browser(window: OpenWindow, people: People, locale: str) -> None:
    words = SIGN_IN[locale]
    ann, ben, _ = people.pair()
    here = window(locale=locale)
    sign_in(here, ann.username, words)
    assert direction(here.page) == (locale[:2], "ltr")
    row = here.row(ben.name)
    expect(row).to_contain_text(words[5])
    row.click()
    here.page.get_by_role("textbox", name=words[3], exact=True).fill("Hallo, 世界")
    here.page.get_by_role("button", name=words[4], exact=True).click()
    expect(here.page.locator(".message.own .text")).to_have_text("Hallo, 世界")
    expect(row).not_to_contain_text(words[5])


def test_arabic_is_mirrored_and_fits_a_small_phone(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ann.say(conversation, "مرحبا يا بن")
    ben.say(conversation, "Hello Ann, how are you?")
    here = window(locale="ar-EG").sign_in_demo(ann.username)
    assert direction(here.page) == ("ar", "rtl")
    here.open(ben.name)
    own, theirs = here.page.locator(".message.own .bubble"), here.page.locator(".message.theirs .bubble")
    expect(own).to_have_count(1)
    assert middle(own) < middle(theirs), "in Arabic, your own messages are on the left"
    field = here.page.get_by_role("textbox", name="رسالة", exact=True)
    field.fill("شكرا")
    assert middle(here.page.locator(".composer .send")) < middle(field)
    assert middle(here.page.locator(".sidebar")) > middle(here.page.locator(".main"))
    align = "(element) => getComputedStyle(element).textAlign"
    assert theirs.evaluate(align) == "start"
    for width in (1180, 320):
        here.page.set_viewport_size({"width": width, "height": 640})
        expect(here.page.locator(".composer")).to_be_visible()
        wide = "document.documentElement.scrollWidth > innerWidth || document.body.scrollWidth > innerWidth"
        assert not here.page.evaluate(wide), f"a sideways scroll bar at {width} px"
    back = here.page.get_by_role("button", name="العودة إلى المحادثات")
    assert middle(back) > 160, "the way back is on the right"
    back.click()
    expect(here.page.locator(".sidebar")).to_be_visible()
    here.page.get_by_role("button", name="الإعدادات والملف الشخصي").click()
    dialog = here.page.get_by_role("dialog", name="الإعدادات")
    expect(dialog).to_be_visible()
    overflow = "(element) => element.scrollWidth > element.clientWidth"
    assert not dialog.locator(".dialog").evaluate(overflow)


def test_chosen_language_holds_here_in_other_browsers_and_for_errors(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window().sign_in(ann.username, PASSWORD)
    here.page.get_by_role("button", name="Settings and profile").click()
    choice = here.page.get_by_label("Language")
    expect(choice.locator("option").first).to_have_text("Same as browser")
    with here.page.expect_navigation():
        choice.select_option(label="Français")
    expect(here.page.get_by_placeholder("Rechercher")).to_be_visible()
    assert direction(here.page) == ("fr", "ltr")
    assert ann.call("GET", "/me")["locale"] == "fr"
    said = here.page.evaluate(REGISTER, {"username": ann.username, "password": PASSWORD})
    assert said == ["conflict", "Ce nom d’utilisateur est déjà pris."]
    elsewhere = window(locale="ja-JP")
    sign_in(elsewhere, ann.username, SIGN_IN["ja-JP"])
    expect(elsewhere.page.get_by_placeholder("Rechercher")).to_be_visible()
    assert direction(elsewhere.page) == ("fr", "ltr")


def test_page_stays_english_for_other_languages_and_loads_no_catalogue(window: OpenWindow) -> None:
    here = window(locale="ko-KR")
    loaded: list[str] = []
    here.page.on("request", lambda request: loaded.append(request.url))
    here.page.goto(here.base_url)
    expect(here.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert direction(here.page) == ("en", "ltr")
    assert not [url for url in loaded if re.search(r"/(?:ar|de|es|fr|ja)\b[^/]*\.js", url)]


@pytest.fixture
def evaluate(window: OpenWindow) -> Any:
    """``evaluate("de-DE", "(language, given) => …", given)`` runs the code in a page of that language."""

    def run(locale: str, code: str, given: Any = None) -> Any:
        here = window(locale=locale)
        here.page.goto(here.base_url)
        script = f"""async (given) => {{
            const language = await import("/static/page/lib/language.js");
            await language.useLanguage();
            const texts = await import("/client/ui/language.js");
            const times = await import("/client/ui/times.js");
            return ({code})({{...language, ...texts, ...times}}, given);
        }}"""
        return here.page.evaluate(script, given)

    return run


def test_plurals_lists_and_names_follow_the_language(evaluate: Any) -> None:
    code = """({plural, listed, t}) => [
        [0, 1, 2, 5, 11, 100].map((n) => plural(n, "{count} member", "{count} members")),
        listed(["Ann", "Ben"]), t("Block {name}?", {name: "Ann"}),
    ]"""
    arabic = evaluate("ar", code)
    assert len(set(arabic[0])) == 6
    assert arabic[1] == "\u2068Ann\u2069 و\u2068Ben\u2069"
    assert "\u2068Ann\u2069" in arabic[2]
    english = evaluate("en-US", code)
    assert english[0] == ["0 members", "1 member", "2 members", "5 members", "11 members", "100 members"]
    assert english[1:] == ["Ann and Ben", "Block Ann?"]


def test_times_and_numbers_are_those_of_the_region(evaluate: Any) -> None:
    code = """({timeOfDay, number, listed}, names) =>
        [timeOfDay("2026-01-02T15:04:00").replace(/\\s/u, " "), number(12345.6, 1), listed(names)]"""
    names = ["A", "B", "C", "D", "E"]
    assert evaluate("de-DE", code, names) == ["15:04", "12.345,6", "A, B und 3 weitere"]
    american = evaluate("en-US", code, names)
    assert american == ["3:04 PM", "12,345.6", "A, B and 3 others"]
    assert evaluate("en-GB", code, names)[0] == "15:04"
