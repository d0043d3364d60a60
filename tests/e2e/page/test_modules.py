"""Unit tests of the page's small modules, run in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.page.conftest import OpenWindow

Evaluate = Callable[..., Any]


@pytest.fixture
def evaluate(window: OpenWindow) -> Evaluate:
    """``evaluate("lib/text.js", "module => …", argument)`` runs the code with the module and returns its result."""
    here = window()
    here.page.goto(here.base_url)

    def run(module: str, code: str, argument: Any = None) -> Any:
        return here.page.evaluate(f"async (given) => ({code})(await import('/static/page/{module}'), given)", argument)

    return run


LINKS = {
    "see https://a.example/x.": [["https://a.example/x"], "see https://a.example/x."],
    "(https://a.example/b_(c))": [["https://a.example/b_(c)"], "(https://a.example/b_(c))"],
    "HTTP://A.example/?q=1&r=<b>": [["http://a.example/?q=1&r="], "HTTP://A.example/?q=1&r=<b>"],
    "javascript:alert(1) data:text/html,x ftp://a.example file:///etc": [[], None],
    "https://bank.example@evil.example/ http://u:p@x.example": [[], None],
    "https:// http://": [[], None],
}


def test_links_are_found_and_no_text_is_lost(evaluate: Evaluate) -> None:
    code = """({richText}, texts) => texts.map((text) => {
        const holder = document.createElement("p");
        holder.append(...richText(text));
        return [[...holder.querySelectorAll("a")].map((a) => a.href), holder.textContent];
    })"""
    found = evaluate("lib/text.js", code, list(LINKS))
    assert found == [[links, shown or text] for text, (links, shown) in LINKS.items()]


def test_only_mentioned_members_are_marked(evaluate: Evaluate) -> None:
    code = """({richText}, text) => richText(text, {isName: (name) => name === "ann", self: "ann"})
        .filter((part) => typeof part !== "string").map((part) => [part.textContent, part.className])"""
    text = "@ann @ben a@ann.example @all"
    assert evaluate("lib/text.js", code, text) == [["@ann", "mention me"], ["@all", "mention me"]]


def test_touching_spans_are_joined(evaluate: Evaluate) -> None:
    code = """({Spans}, steps) => {
        const spans = new Spans();
        steps.forEach(([first, last]) => spans.add(first, last));
        return [spans.around(5), spans.around(12), spans.around(30), spans.has(1, 12), spans.has(21, 25)];
    }"""
    steps = [[8, 12], [1, 3], [21, 25], [4, 7], [26, 26], [9, 9], [40, 39]]
    assert evaluate("store/spans.js", code, steps) == [[1, 12], [1, 12], None, True, True]


def test_mark_follows_from_the_marks_of_the_members(evaluate: Evaluate) -> None:
    code = """({markOf}, [message, members]) => markOf(message, {members}).state"""
    own = {"senderId": 1, "seq": 5, "status": "stored"}

    def members(*marks: tuple[int, int]) -> list[dict[str, int]]:
        others = [{"userId": 2 + at, "deliveredSeq": d, "readSeq": r} for at, (d, r) in enumerate(marks)]
        return [{"userId": 1, "deliveredSeq": 9, "readSeq": 9}, *others]

    def mark(message: dict[str, Any], *marks: tuple[int, int]) -> str:
        return str(evaluate("store/marks.js", code, [message, members(*marks)]))

    assert mark({**own, "seq": None, "status": "sending"}, (9, 9)) == "sending"
    assert mark({**own, "seq": None, "status": "failed"}) == "failed"
    assert mark(own, (4, 4)) == mark(own, (9, 9), (4, 0)) == mark(own) == "stored"
    assert mark(own, (5, 4)) == mark(own, (9, 9), (5, 0)) == "delivered"
    assert mark(own, (5, 5)) == mark(own, (9, 9), (5, 5)) == "read"


def test_reaction_is_counted_once(evaluate: Evaluate) -> None:
    code = "({withReaction}, steps) => steps.reduce((all, step) => withReaction(all, ...step), [])"
    steps = [["👍", True, True], ["👍", True, True], ["👍", True, False], ["❤️", True, False], ["❤️", False, False]]
    assert evaluate("store/store.js", code, steps) == [{"emoji": "👍", "count": 2, "mine": True}]


def test_only_valid_blurhashes_are_drawn(evaluate: Evaluate) -> None:
    code = """({blurhash}, hashes) => hashes.map((hash) => {
        const canvas = blurhash(hash);
        return canvas && [...canvas.getContext("2d").getImageData(16, 16, 1, 1).data].slice(0, 3);
    })"""
    drawn = evaluate("components/blurhash.js", code, ["LEHV6nWB2yk8pyo0adR*.7kCMdnj", "LEHV6", "", "x" * 28, None])
    assert drawn[1:] == [None, None, None, None]
    assert all(0 < part < 255 for part in drawn[0])


def test_files_over_the_limits_are_refused_before_the_upload(evaluate: Evaluate) -> None:
    code = """({Uploads}) => {
        const uploads = [];
        const upload = (file) => (uploads.push(file.name), new Promise(() => {}));
        const limits = {maxImageBytes: 2048, maxFileBytes: 4096, maxAttachments: 3};
        const view = new Uploads({client: {limits, upload}}, 1, () => {});
        const file = (name, type, bytes) => new File([new Uint8Array(bytes)], name, {type});
        view.add([file("a.png", "image/png", 2049), file("b.png", "image/png", 2048), file("c.bin", "", 4096)]);
        view.add([file("d.bin", "", 1)]);
        return [uploads, view.element.querySelector("[role=alert]").textContent];
    }"""
    assert evaluate("views/uploads.js", code) == [["b.png", "c.bin"], "Too large. The limit is 2.0 KB."]


def test_browser_blocks_markup_from_scripts(evaluate: Evaluate) -> None:
    code = """(_, text) => {
        try { document.body.innerHTML = text; return "taken"; } catch (error) { return error.name; }
    }"""
    assert evaluate("lib/dom.js", code, "<p>text</p>") == "TypeError"
