"""Unit tests of the page's small modules, run in a browser. test_text_modules.py has those of texts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.page.conftest import Evaluate


def test_touching_spans_are_joined(evaluate: Evaluate) -> None:
    code = """({Spans}, steps) => {
        const spans = new Spans();
        steps.forEach(([first, last]) => spans.add(first, last));
        return [spans.around(5), spans.around(12), spans.around(30), spans.has(1, 12), spans.has(21, 25)];
    }"""
    steps = [[8, 12], [1, 3], [21, 25], [4, 7], [26, 26], [9, 9], [40, 39]]
    assert evaluate("/client/state/spans.js", code, steps) == [[1, 12], [1, 12], None, True, True]


def test_mark_follows_from_the_marks_of_the_members(evaluate: Evaluate) -> None:
    code = """({markOf}, [message, members]) => markOf(message, {members}).state"""
    own = {"senderId": 1, "seq": 5, "status": "stored"}

    def members(*marks: tuple[int, int]) -> list[dict[str, int]]:
        others = [{"userId": 2 + at, "deliveredSeq": d, "readSeq": r} for at, (d, r) in enumerate(marks)]
        return [{"userId": 1, "deliveredSeq": 9, "readSeq": 9}, *others]

    def mark(message: dict[str, Any], *marks: tuple[int, int]) -> str:
        return str(evaluate("/client/state/marks.js", code, [message, members(*marks)]))

    assert mark({**own, "seq": None, "status": "sending"}, (9, 9)) == "sending"
    assert mark({**own, "seq": None, "status": "failed"}) == "failed"
    assert mark(own, (4, 4)) == mark(own, (9, 9), (4, 0)) == mark(own) == "stored"
    assert mark(own, (5, 4)) == mark(own, (9, 9), (5, 0)) == "delivered"
    assert mark(own, (5, 5)) == mark(own, (9, 9), (5, 5)) == "read"


def test_members_who_joined_later_do_not_count_in_the_mark(evaluate: Evaluate) -> None:
    code = "({markOf}, [message, members]) => markOf(message, {members})"
    own = {"senderId": 1, "seq": 5, "status": "stored"}
    ben = {"userId": 2, "deliveredSeq": 5, "readSeq": 4, "joinedSeq": 5}
    cyd = {"userId": 3, "deliveredSeq": 9, "readSeq": 9, "joinedSeq": 6}
    both = evaluate("/client/state/marks.js", code, [own, [ben, cyd]])
    assert both == {"state": "delivered", "read": 0, "delivered": 1, "of": 1}
    assert evaluate("/client/state/marks.js", code, [own, [cyd]]) == {"state": "stored"}


def test_reaction_is_counted_once(evaluate: Evaluate) -> None:
    code = "({withReaction}, steps) => steps.reduce((all, step) => withReaction(all, ...step), [])"
    steps = [["👍", True, True], ["👍", True, True], ["👍", True, False], ["❤️", True, False], ["❤", False, False]]
    assert evaluate("/client/state/reactions.js", code, steps) == [{"emoji": "👍", "count": 2, "mine": True}]


def test_only_valid_blurhashes_are_drawn(evaluate: Evaluate) -> None:
    code = """({blurhash}, hashes) => hashes.map((hash) => {
        const canvas = blurhash(hash);
        return canvas && [...canvas.getContext("2d").getImageData(16, 16, 1, 1).data].slice(0, 3);
    })"""
    drawn = evaluate("components/blurhash.js", code, ["LEHV6nWB2yk8pyo0adR*.7kCMdnj", "LEHV6", "", "x" * 28, None])
    assert drawn[1:] == [None, None, None, None]
    assert all(0 < part < 255 for part in drawn[0])


TIMES = """async ({useLanguage}, [languages, times]) => {
    Object.defineProperty(navigator, "languages", {value: languages, configurable: true});
    await useLanguage();
    const {timeOfDay, shortly, dayName} = await import("/client/ui/times.js");
    return [timeOfDay(times[0]), shortly(times[1]), dayName(times[2])].map((text) => text.replace(/\\s/gu, " "));
}"""


@pytest.mark.parametrize(
    ("languages", "clock", "day", "long_ago"),
    [
        (["en-US"], "2:05 PM", "5/3/24", "May 3, 2024"),
        (["en-GB"], "14:05", "03/05/2024", "3 May 2024"),
        (["de-DE"], "14:05", "03.05.24", "3. Mai 2024"),
        (["de"], "14:05", "03.05.24", "3. Mai 2024"),
        (["ja-JP", "en-US"], "14:05", "2024/05/03", "2024年5月3日"),
        (["fr-CA", "fr"], "14 h 05", "2024-05-03", "3 mai 2024"),
        (["sv-SE", "en-US"], "14:05", "2024-05-03", "3 May 2024"),  # the page has no Swedish: English as in Sweden
        (["nl", "en-US", "en"], "14:05", "03/05/2024", "3 May 2024"),
    ],
)
def test_times_look_as_people_of_the_region_write_them(
    evaluate: Evaluate, languages: list[str], clock: str, day: str, long_ago: str
) -> None:
    times = ["2024-05-03T14:05:00", "2024-05-03T09:00:00", "2024-05-03T09:00:00"]
    assert evaluate("lib/language.js", TIMES, [languages, times]) == [clock, day, long_ago]


def test_quiet_hours_may_pass_midnight(evaluate: Evaluate) -> None:
    code = """({inQuietTime}, [from, to, times]) => times.map((time) =>
        inQuietTime({from, to, timeZone: "Asia/Tokyo"}, new Date(`2026-03-01T${time}:00+09:00`)))"""
    times = ["21:59", "22:00", "00:00", "06:59", "07:00", "12:00"]
    quiet = evaluate("lib/quiet_time.js", code, ["22:00", "07:00", times])
    assert quiet == [False, True, True, True, False, False]
    assert evaluate("lib/quiet_time.js", code, ["07:00", "12:00", times]) == [False, False, False, False, True, False]
    assert evaluate("lib/quiet_time.js", "({inQuietTime}) => inQuietTime(null, new Date())") is False


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


def test_types_that_the_server_does_not_show_have_the_limit_of_files(evaluate: Evaluate) -> None:
    code = """({Uploads}) => {
        const uploads = [];
        const upload = (file) => (uploads.push(file.name), new Promise(() => {}));
        const limits = {maxImageBytes: 10, maxVideoBytes: 10, maxFileBytes: 99};
        const view = new Uploads({client: {limits, upload}}, 1, () => {});
        const file = (name, type) => new File([new Uint8Array(50)], name, {type});
        view.add([file("a.tiff", "image/tiff"), file("b.ts", "video/mp2t"), file("c.heic", "image/heic")]);
        return uploads;
    }"""
    assert evaluate("views/uploads.js", code) == ["a.tiff", "b.ts"]


def test_without_a_media_storage_nothing_offers_files(evaluate: Evaluate) -> None:
    code = """async ({Composer}, media) => {
        const limits = {media, maxAttachments: 3};
        const client = {limits, typing: () => {}, upload: () => new Promise(() => {})};
        const topics = {on: () => () => {}};
        const drafts = {of: () => ({message: ""}), set: () => {}, save: () => {}, clear: () => {}};
        const composer = new Composer({store: {client, topics, drafts}}, 1, () => {});
        const shown = (label) => !composer.element.querySelector(`[aria-label="${label}"]`).hidden;
        composer.addFiles([new File(["x"], "x.txt")]);
        return [shown("Attach files"), composer.element.querySelectorAll(".uploads li").length];
    }"""
    assert evaluate("views/composer.js", code, False) == [False, 0]
    assert evaluate("views/composer.js", code, True) == [True, 1]


def test_browser_blocks_markup_from_scripts(evaluate: Evaluate) -> None:
    code = """(_, text) => {
        try { document.body.innerHTML = text; return "taken"; } catch (error) { return error.name; }
    }"""
    assert evaluate("/client/ui/dom.js", code, "<p>text</p>") == "TypeError"
