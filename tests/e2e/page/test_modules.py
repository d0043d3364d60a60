"""The page's small modules, each asked in a browser what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.page.conftest import OpenWindow

Ask = Callable[..., Any]


@pytest.fixture
def ask(window: OpenWindow) -> Ask:
    """``ask("lib/text.js", "module => …", argument)``"""
    here = window()
    here.page.goto(here.base_url)

    def evaluate(module: str, code: str, argument: Any = None) -> Any:
        return here.page.evaluate(f"async (given) => ({code})(await import('/static/page/{module}'), given)", argument)

    return evaluate


LINKS = {
    "see https://a.example/x.": [["https://a.example/x"], "see https://a.example/x."],
    "(https://a.example/b_(c))": [["https://a.example/b_(c)"], "(https://a.example/b_(c))"],
    "HTTP://A.example/?q=1&r=<b>": [["http://a.example/?q=1&r="], "HTTP://A.example/?q=1&r=<b>"],
    "javascript:alert(1) data:text/html,x ftp://a.example file:///etc": [[], None],
    "https://bank.example@evil.example/ http://u:p@x.example": [[], None],
    "https:// http://": [[], None],
}


def test_links_are_found_and_nothing_is_lost(ask: Ask) -> None:
    code = """({richText}, texts) => texts.map((text) => {
        const holder = document.createElement("p");
        holder.append(...richText(text));
        return [[...holder.querySelectorAll("a")].map((a) => a.href), holder.textContent];
    })"""
    found = ask("lib/text.js", code, list(LINKS))
    assert found == [[links, shown or text] for text, (links, shown) in LINKS.items()]


def test_only_members_who_are_named_are_marked(ask: Ask) -> None:
    code = """({richText}, text) => richText(text, {isName: (name) => name === "ann", self: "ann"})
        .filter((part) => typeof part !== "string").map((part) => [part.textContent, part.className])"""
    text = "@ann @ben a@ann.example @all"
    assert ask("lib/text.js", code, text) == [["@ann", "mention me"], ["@all", "mention me"]]


def test_spans_join_where_they_touch(ask: Ask) -> None:
    code = """({Spans}, steps) => {
        const spans = new Spans();
        steps.forEach(([first, last]) => spans.add(first, last));
        return [spans.around(5), spans.around(12), spans.around(30), spans.has(1, 12), spans.has(21, 25)];
    }"""
    steps = [[8, 12], [1, 3], [21, 25], [4, 7], [26, 26], [9, 9], [40, 39]]
    assert ask("store/spans.js", code, steps) == [[1, 12], [1, 12], None, True, True]


def test_marks_follow_from_the_members_numbers(ask: Ask) -> None:
    code = """({markOf}, [message, members]) => markOf(message, {members}).state"""
    own = {"senderId": 1, "seq": 5, "status": "stored"}

    def members(*marks: tuple[int, int]) -> list[dict[str, int]]:
        others = [{"userId": 2 + at, "deliveredSeq": d, "readSeq": r} for at, (d, r) in enumerate(marks)]
        return [{"userId": 1, "deliveredSeq": 9, "readSeq": 9}, *others]

    def mark(message: dict[str, Any], *marks: tuple[int, int]) -> str:
        return str(ask("store/marks.js", code, [message, members(*marks)]))

    assert mark({**own, "seq": None, "status": "sending"}, (9, 9)) == "sending"
    assert mark({**own, "seq": None, "status": "failed"}) == "failed"
    assert mark(own, (4, 4)) == mark(own, (9, 9), (4, 0)) == mark(own) == "stored"
    assert mark(own, (5, 4)) == mark(own, (9, 9), (5, 0)) == "delivered"
    assert mark(own, (5, 5)) == mark(own, (9, 9), (5, 5)) == "read"


def test_a_reaction_is_counted_once(ask: Ask) -> None:
    code = "({withReaction}, steps) => steps.reduce((all, step) => withReaction(all, ...step), [])"
    steps = [["👍", True, True], ["👍", True, True], ["👍", True, False], ["❤️", True, False], ["❤️", False, False]]
    assert ask("store/store.js", code, steps) == [{"emoji": "👍", "count": 2, "mine": True}]


def test_a_blurhash_is_drawn_and_what_is_none_is_not(ask: Ask) -> None:
    code = """({blurhash}, hashes) => hashes.map((hash) => {
        const canvas = blurhash(hash);
        return canvas && [...canvas.getContext("2d").getImageData(16, 16, 1, 1).data].slice(0, 3);
    })"""
    drawn = ask("components/blurhash.js", code, ["LEHV6nWB2yk8pyo0adR*.7kCMdnj", "LEHV6", "", "x" * 28, None])
    assert drawn[1:] == [None, None, None, None]
    assert all(0 < part < 255 for part in drawn[0])


def test_the_browser_lets_no_script_make_markup_of_text(ask: Ask) -> None:
    code = """(_, text) => {
        try { document.body.innerHTML = text; return "taken"; } catch (error) { return error.name; }
    }"""
    assert ask("lib/dom.js", code, "<p>text</p>") == "TypeError"
