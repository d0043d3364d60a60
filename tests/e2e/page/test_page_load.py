"""The page's requests at the first visit, at later ones, and during a deploy."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Route, expect

from app.web.assets import LANGUAGES
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.e2e.page.traffic import Traffic
from tests.e2e.page.window import Window
from tests.support.processes import Stack

MAX_BYTES = 90_000  # of all files that somebody loads who signs in for the first time, with gzip
FOR_GOOD = "public, max-age=31536000, immutable"


def visit(here: Window) -> list[str]:
    page = here.new_page()
    traffic = Traffic(page, here.base_url)
    page.goto(here.base_url)
    expect(page.get_by_label("Username")).to_be_focused()
    paths = traffic.paths()
    page.close()
    return paths


def hashed(server: Stack, name: str) -> str:
    """Returns the present address of a file."""
    stem, _, suffix = name.rpartition(".")
    found = re.search(rf"/assets/{stem}\.[0-9a-f]+\.{suffix}", httpx.get(server.base_url, trust_env=False).text)
    assert found
    return found[0]


def test_first_visit_loads_four_files_and_later_ones_load_one(window: OpenWindow, server: Stack) -> None:
    here = window()
    first = visit(here)
    assert sorted(first) == sorted(["/", *(hashed(server, name) for name in ("page.css", "page.js", "icon.svg"))])
    assert visit(here) == ["/"]
    assert visit(here) == ["/"]


def test_signing_in_loads_one_more_file_and_later_visits_none(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window()
    traffic = Traffic(here.page, here.base_url)
    here.sign_in(ann.username, PASSWORD)
    rest = [path for path in traffic.paths() if path.startswith("/assets/signed_in.")]
    assert len(traffic.paths()) == 5
    assert len(rest) == 1
    again = here.new_page()
    traffic = Traffic(again, here.base_url)
    again.goto(here.base_url)
    here.wait_online(page=again)
    assert traffic.paths() == ["/"]


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_first_load_is_small_and_kept_for_good(server: Stack, language: str) -> None:
    total = 0
    headers = {"Accept-Encoding": "gzip", "Accept-Language": language}
    with httpx.Client(base_url=server.base_url, trust_env=False, headers=headers) as http:
        texts = re.findall(rf"/assets/{language}\.[0-9a-f]+\.js", http.get("/").text)
        assert len(texts) == (language != "en")
        script = hashed(server, "page.js")
        rest = re.search(r"/assets/signed_in\.[0-9a-f]+\.js", http.get(script).text)
        assert rest
        for path in ("/", script, rest[0], hashed(server, "page.css"), hashed(server, "icon.svg"), *texts):
            with http.stream("GET", path) as answer:
                total += sum(len(part) for part in answer.iter_raw())
                assert answer.headers["Vary"].startswith("Accept-Encoding")
                assert answer.headers["Content-Encoding"] == "gzip"
                assert answer.headers["Cache-Control"] == ("no-cache" if path == "/" else FOR_GOOD)
    print(f"first load in {language}: {total} bytes")
    assert total < MAX_BYTES


def test_texts_in_the_language_of_the_browser_are_requested_with_the_script(window: OpenWindow, server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        for accepted, language in (("de-AT, en;q=0.5", "de"), ("sv, ja;q=0.5", "ja"), ("en, de", None), ("sv", None)):
            page = http.get("/", headers={"Accept-Language": accepted})
            assert "Accept-Language" in page.headers["Vary"]
            found = re.search(r'modulepreload" href="/assets/(\w+)\.', page.text)
            assert (found and found[1]) == language, accepted
    here = window(locale="de-DE")
    traffic = Traffic(here.page, here.base_url)
    here.page.goto(here.base_url)
    expect(here.page.get_by_label("Passwort")).to_be_visible()
    assert len([path for path in traffic.paths() if path.startswith("/assets/de.")]) == 1
    assert len(traffic.paths()) == 5


def test_files_are_sent_in_the_form_that_the_browser_accepts(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        script = hashed(server, "page.js")
        bodies = set()
        for accepted, encoding in (
            ("gzip, br", "br"),
            ("gzip", "gzip"),
            ("identity", None),
            ("br;q=0, gzip;q=0", None),
        ):
            answer = http.get(script, headers={"Accept-Encoding": accepted})
            assert answer.headers.get("Content-Encoding") == encoding
            assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            bodies.add(answer.content)
        assert len(bodies) == 1


def test_page_is_not_sent_again_while_it_is_the_same(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        etag = http.get("/").headers["ETag"]
        again = http.get("/", headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert http.get("/", headers={"If-None-Match": 'W/"another"'}).status_code == 200


def test_page_of_another_version_gets_the_present_files_and_keeps_none(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        for name in ("page.js", "page.css", "icon.svg"):
            present = hashed(server, name)
            other = re.sub(r"\.[0-9a-f]{16}\.", ".0123456789abcdef.", present)
            answer = http.get(other)
            assert answer.status_code == 200
            assert answer.content == http.get(present).content
            assert answer.headers["Cache-Control"] == "no-store"


def test_later_script_of_another_version_is_not_found(server: Stack) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        present = re.search(r"/assets/settings\.[0-9a-f]{16}\.js", http.get(hashed(server, "page.js")).text)
        assert present
        assert http.get(present[0]).headers["Cache-Control"] == FOR_GOOD
        for path in ("settings.0123456789abcdef.js", "page.js", "../page.py", "nothing.0123456789abcdef.png"):
            answer = http.get(f"/assets/{path}")
            assert answer.status_code == 404, path
            assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_panel_that_cannot_be_loaded_offers_a_reload(window: OpenWindow, people: People) -> None:
    """The first answer is that of a process of the earlier version; all answers are, once nothing of it is left."""
    ann = people.new("Ann Archer")
    here = window().sign_in(ann.username, PASSWORD)
    page = here.page
    asked: list[str] = []
    missing = True

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if missing or len(asked) == 1:
            route.fulfill(status=404)
        else:
            route.continue_()

    page.route("**/assets/settings.*", answer)
    missing = False
    page.get_by_label("Settings and profile").click()
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    assert len(asked) == 2
    page.keyboard.press("Escape")

    missing = True
    page.route("**/assets/new_conversation.*", answer)
    page.get_by_label("New conversation").click()
    page.get_by_role("menuitem", name="New group").click()
    page.get_by_role("dialog", name="Reload the page?").get_by_role("button", name="Reload").click()
    missing = False
    here.wait_online()
    page.get_by_label("New conversation").click()
    page.get_by_role("menuitem", name="New group").click()
    expect(page.get_by_role("dialog", name="New group")).to_be_visible()


def test_modules_can_be_loaded_one_by_one_for_debugging(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window()
    here.page.goto(f"{here.base_url}/?modules")
    here.page.get_by_label("Username").fill(ann.username)
    here.page.get_by_label("Password").fill(PASSWORD)
    here.page.get_by_role("button", name="Sign in").click()
    here.wait_online()
    here.page.get_by_label("Settings and profile").click()
    expect(here.page.get_by_role("dialog", name="Settings")).to_be_visible()
    loaded = here.page.evaluate("performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)")
    assert {"/static/page/views/settings.js", "/client/parley.js"} <= set(loaded)
    assert not [path for path in loaded if path.startswith("/assets/") and path.endswith(".js")]
